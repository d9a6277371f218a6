"""Log place: whether the log that is read here is the one that the API writes."""

from service.contract.errors import ApiUnreachableError, NotFoundError
from service.contract.log.segment import FOLDER, all_segments, stem
from service.contract.settings import Settings
from service.lab.client.client import Client

SECONDS = 5.0  # for the API; the log can be read even if it hangs
IN_THE_LAB = (
    "Run this in JupyterLab, which reads that log. Or copy the log, and read the copy: "
    "`docker compose cp api:{folder}/. logs/copy`, then `Lab(logs_dir='logs/copy')`."
)


def log_elsewhere(client: Client, settings: Settings) -> str:
    """Say where the API logs and what to do, if that is not the log that is read here.

    With `ARCHIVE_URL`, also say why the API that answers cannot archive its log, if it cannot.

    Parameters
    ----------
    client : Client
    settings : Settings

    Returns
    -------
    sentence : str
        Empty if it is the same log, if the API has logged nothing, or if there is no API: the
        log can be read without it.

    Examples
    --------
    >>> from service.contract.settings import Settings
    >>> log_elsewhere(Client("http://127.0.0.1:9"), Settings())
    ''
    """
    try:
        there = client.get("/log", SECONDS)
    except (ApiUnreachableError, NotFoundError):  # an API older than /log has no such page
        return ""
    archive = there.get("archive") or {"url": "", "problem": None}
    if archive["url"] != settings.archive_url:
        return _other_archive(archive["url"], settings)
    if archive["problem"]:
        waiting = f"{archive['waiting']} segments of its log wait in {there['folder']}"
        return f"The API at {settings.api_url} cannot archive: {waiting}. {archive['problem']}"
    if archive["url"]:
        return ""
    folder, image, segment = there["folder"], there["image"], there["segment"]
    if segment is None or segment in segments_here(settings):
        return ""
    what = f"The API at {settings.api_url} logs to {folder}"
    if image == "local":
        remedy = f"Set LOGS_DIR to {folder} here."
    else:
        what, remedy = f"{what} in a container of {image}", IN_THE_LAB.format(folder=folder)
    return f"{what}; {settings.logs_dir} does not have that log's last segment. {remedy}"


def _other_archive(archive: str, settings: Settings) -> str:
    if not archive:
        what = f"The API at {settings.api_url} has no ARCHIVE_URL, and keeps its log to itself"
        return f"{what}. Set ARCHIVE_URL there to {settings.archive_url}, or unset it here."
    what = f"The API at {settings.api_url} archives its log in {archive}"
    return f"{what}; here ARCHIVE_URL is {settings.archive_url or 'not set'}. Set it to that."


def segments_here(settings: Settings) -> set[str]:
    """Return the names of the segments of the log that is read here."""
    return {stem(file) for file in all_segments(settings.logs_dir / FOLDER)}
