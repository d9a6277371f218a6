"""Problems: what an object store's refusals mean, and what to do about each."""

import re
from datetime import UTC, datetime

from service.contract.errors import StoreError
from service.contract.text import sentence

CODE = re.compile(r"<Code>(\w+)</Code>|\(code: (\w+)\)")
TROUBLE = re.compile(
    r"dns error|Connection refused|Connection reset|[Nn]o route to host|[Nn]etwork is unreachable"
    r"|TimedOut|timed out|deadline has elapsed|IncompleteMessage"
)
CERTIFICATE = re.compile(r"InvalidCertificate\(\s*(\w+)")
WORDS = {
    "dns error": "no such host",
    "TimedOut": "it took too long",
    "timed out": "it took too long",
    "deadline has elapsed": "it took too long",
    "IncompleteMessage": "the connection broke",
}
CREDENTIALS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "ExpiredToken",
    "InvalidClientTokenId",
    "TokenRefreshRequired",
    "CredentialsNotSupported",
}
REGION = {"AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"}
METADATA = "/latest/api/token"  # where a machine of a cloud would have its credentials from


def explained(url: str, verb: str, place: str, error: Exception) -> StoreError:
    """Return the error that says what an object store did not do, why, and what to do.

    Parameters
    ----------
    url : str
        Of the store.
    verb : str
        What was asked for: read, write, list or delete.
    place : str
        The object.
    error : Exception
        What obstore raised.
    """
    code, text = code_of(error), str(error)
    if code in CREDENTIALS:
        why = f"its server does not accept the credentials ({code}). Correct AWS_ACCESS_KEY_ID and "
        why += "AWS_SECRET_ACCESS_KEY, or AWS_SESSION_TOKEN"
    elif code == "AccessDenied":
        why = f"these credentials may not {verb} {place} ({code}). Allow it, or use others"
    elif code == "RequestTimeTooSkewed":
        why = f"this machine's clock is off ({code}): here it is {datetime.now(UTC):%Y-%m-%d %H:%M}"
        why += " UTC. Set the clock"
    elif code == "NoSuchBucket":
        why = f"there is no such bucket ({code}). Create it, or correct the URL"
    elif code in REGION:
        why = f"the bucket is in another region ({code}). Correct AWS_REGION"
    elif code == "NotImplemented":
        why = f"its server cannot do what is needed to {verb} ({code}). See docs/store.md"
    elif METADATA in text:
        why = "there are no credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    elif (certificate := CERTIFICATE.search(text)) is not None:
        why = f"the certificate of {_server(text)} is not accepted ({certificate[1]}). Correct "
        why += "AWS_ENDPOINT_URL, or name the file of your own authority in SSL_CERT_FILE"
    elif (trouble := TROUBLE.search(text)) is not None:
        what = WORDS.get(trouble[0], trouble[0])
        why = f"{_server(text)} does not answer ({what}). Start it, or correct AWS_ENDPOINT_URL"
    else:
        why = f"to {verb} {place} failed: {first_line(error)}"
    return StoreError(f"The object store {url} cannot be used: {why.rstrip('.')}.")


def code_of(error: Exception) -> str | None:
    """Return the code of S3 that a server gave as its reason, if there is one.

    Examples
    --------
    >>> code_of(ValueError("403 Forbidden: <Error><Code>AccessDenied</Code></Error>"))
    'AccessDenied'
    """
    match = CODE.search(str(error))
    return None if match is None else match[1] or match[2]


def first_line(error: Exception) -> str:
    """Return what an error of obstore says, without what is for those who debug it."""
    return sentence(str(error).partition("\n\nDebug source")[0], longest=300)


def _server(text: str) -> str:
    match = re.search(r"https?://[^/\s]+", text)
    return match[0] if match else "its server"
