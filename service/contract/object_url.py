"""Object URL: a place in an object store, such as ``s3://bucket/prefix``."""

import re

SCHEME = "s3://"
FORM = re.compile(SCHEME + r"(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/(?P<prefix>.*?)/?)?")
KEY_PART = re.compile(r"[A-Za-z0-9._=-]+")


def split(url: str) -> tuple[str, str]:
    """Return the bucket and the prefix that a URL names.

    Raises
    ------
    ValueError
        It is no URL of an object store.

    Examples
    --------
    >>> split("s3://models.example.org/labs/one/")
    ('models.example.org', 'labs/one')
    >>> split("s3://models")
    ('models', '')
    """
    match = FORM.fullmatch(url)
    prefix = (match["prefix"] or "") if match else ""
    if match is None or not all(map(KEY_PART.fullmatch, prefix.split("/") if prefix else [])):
        raise ValueError(
            "it must be s3://bucket or s3://bucket/prefix, the prefix of letters, digits and ._-="
        )
    return match["bucket"], prefix


def is_remote(path: str) -> bool:
    """Whether a path is in an object store.

    Examples
    --------
    >>> is_remote("s3://bucket/data/*.parquet"), is_remote("data")
    (True, False)
    """
    return path.startswith(SCHEME)
