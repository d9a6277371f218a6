"""The errors of Labloop, in one tree.

::

    LabloopError
    ├── SettingError         a setting in the environment cannot be used
    ├── EstimatorError       an estimator cannot be published
    │   └── SignatureError   its training table cannot be described
    ├── ArtifactError        a model's files cannot be trusted or read
    ├── RefusedError         the API refused a published version
    ├── InUseError           a version that is live cannot be deleted
    ├── ApiUnreachableError  nothing answers at API_URL
    ├── LogElsewhereError    the API writes another log than the one that is read here
    └── AnswerError          the API answers with an error; both sides share these
        ├── InputError         422  the rows do not fit the model
        ├── TooLargeError      413  the body or its rows are more than is read at once
        ├── MediaTypeError     415  the body is not said to be JSON
        ├── RepeatedError      400  a header that has one meaning is there twice
        ├── ForeignError       403  the request comes from, or is meant for, another site
        ├── TokenError         401  `API_TOKEN` is set, and the request does not have it
        ├── NotFoundError      404  no such model, version or page
        ├── NotPublishedError  503  the model has no version to serve
        ├── LogWriteError      503  the prediction log cannot be written
        ├── OverloadedError    503  more is asked at once than is answered in time
        └── StoppingError      503  the API is being stopped

`status` is the HTTP status under which an error travels: the API answers with
it, and the client raises the class of that status again.
"""

from typing import Any, ClassVar


class LabloopError(Exception):
    """The root of the tree. Its text says the value and the next step."""


class SettingError(LabloopError):
    """A setting in the environment cannot be used."""


class EstimatorError(LabloopError):
    """An estimator cannot be published; nothing was written."""


class SignatureError(EstimatorError):
    """A training table cannot be described; nothing was written."""


class ArtifactError(LabloopError):
    """A model's files are damaged, of another kind, or need a type that is not allowed."""


class RefusedError(LabloopError):
    """The API refused a published version; the version before it serves on."""


class InUseError(LabloopError):
    """A version is live, so it cannot be deleted; nothing was changed."""


class ApiUnreachableError(LabloopError):
    """Nothing answers at the API's address."""


class LogElsewhereError(LabloopError):
    """The API writes another log, and the one that is read here is empty."""


class AnswerError(LabloopError):
    """An error that the API answers with.

    Parameters
    ----------
    message : str
        A sentence that names the value and the next step.
    details : list of dict
        One entry a problem, e.g. ``{"feature": "sex", "row": 3, "problem": "…"}``.
    """

    status: ClassVar[int] = 500
    headers: ClassVar[dict[str, str]] = {}

    def __init__(self, message: str, details: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.details = details or []


class InputError(AnswerError):
    """The rows do not fit the model's signature, or the model cannot answer them."""

    status = 422


class TooLargeError(AnswerError):
    """The request is larger than the API reads at once."""

    status = 413


class MediaTypeError(AnswerError):
    """The body's Content-Type is not JSON."""

    status = 415


class RepeatedError(AnswerError):
    """The request has a header twice of which there is one; who reads it may take either."""

    status = 400


class ForeignError(AnswerError):
    """The request names another host, or a page of another site sent it."""

    status = 403


class TokenError(AnswerError):
    """The request lacks the API's token."""

    status = 401
    headers: ClassVar = {"WWW-Authenticate": 'Basic realm="Labloop", charset="UTF-8"'}


class NotFoundError(AnswerError):
    """There is no such model, version or page."""

    status = 404


class NotPublishedError(AnswerError):
    """The model has no version that can be served."""

    status = 503
    headers: ClassVar = {"Retry-After": "5"}


class LogWriteError(AnswerError):
    """The prediction log cannot be written, so no answer is given."""

    status = 503
    headers: ClassVar = {"Retry-After": "5"}


class OverloadedError(AnswerError):
    """The API has as much to do as it can answer in time; nothing was done."""

    status = 503
    headers: ClassVar = {"Retry-After": "1"}


class StoppingError(AnswerError):
    """The API is being stopped; it answers what it has taken in."""

    status = 503
    headers: ClassVar = {"Retry-After": "5"}
