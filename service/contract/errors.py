"""The errors of Labloop, in one tree.

::

    LabloopError
    ├── SettingError         a setting in the environment cannot be used
    ├── UncommittedError     the code here is in no commit, and only such code may run
    ├── EstimatorError       an estimator cannot be published
    │   └── SignatureError   its training table cannot be described
    ├── ArtifactError        a model's files cannot be trusted or read
    ├── RefusedError         the API refused a published version
    ├── InUseError           a version that is live cannot be deleted
    ├── ApiUnreachableError  there is no API at API_URL
    ├── ClusterError         there is no cluster of workers, or it cannot do what is asked
    ├── ScoringError         a data set cannot be scored as it was asked
    ├── LogElsewhereError    the API writes another log than the one that is read here
    ├── StoreError           an object store cannot be reached, or says no
    │   ├── ObjectMissingError   there is no such object
    │   ├── ObjectExistsError    it was to be created, and is there
    │   └── ObjectChangedError   it was to be replaced, and is another by now
    └── ApiError             the API responds with an error; both sides share these
        ├── InputError         422  invalid_input    the rows do not fit the model
        ├── TooLargeError      413  too_large        the request is more than is read at once
        ├── MediaTypeError     415  media_type       the body is not said to be JSON
        ├── MalformedError     400  malformed        this is not a request, or it is not complete
        ├── RepeatedError      400  repeated_header  a header that has one meaning is there twice
        ├── TokenError         401  token            `API_TOKEN` is set, and the request lacks it
        ├── ForeignError       403  foreign_request  it comes from, or is meant for, another site
        ├── NotFoundError      404  not_found        no such model, version or page
        ├── MethodError        405  method           the page is there, for another method
        ├── LateError          408  late             the request did not arrive in time
        ├── FailedError        500  failed           the API or the model is at fault
        ├── NotPublishedError  503  not_published    the model has no version to serve
        ├── LogWriteError      503  log_unwritable   the prediction log cannot be written
        ├── OverloadedError    503  overloaded       more requests than it can respond to in time
        └── StoppingError      503  stopping         the API is being stopped

An `ApiError` travels as its HTTP status and a body with its `code`, in the spirit of RFC 9457's
`type`; the client raises the class of the code again. A URL or headers that are too large have the
code `too_large` and their own status, 414 or 431.
"""

from typing import Any, ClassVar


class LabloopError(Exception):
    """The root of the tree. Its text says the value and the next step."""


class SettingError(LabloopError):
    """A setting in the environment cannot be used."""


class UncommittedError(LabloopError):
    """The code here is in no commit, and only such code may run."""


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
    """There is no API at its address."""


class ClusterError(LabloopError):
    """There is no cluster, its workers differ from the notebook, or cannot do what is asked."""


class ScoringError(LabloopError):
    """A data set cannot be scored as it was asked; what was written before is whole."""


class LogElsewhereError(LabloopError):
    """The API writes another log, and the one that is read here is empty."""


class StoreError(LabloopError):
    """An object store cannot be reached, or says no; the text names its URL."""


class ObjectMissingError(StoreError):
    """There is no such object."""


class ObjectExistsError(StoreError):
    """An object was to be created, and is there already; nothing was written."""


class ObjectChangedError(StoreError):
    """An object was to be replaced, and is another one by now; nothing was written."""


class ApiError(LabloopError):
    """An error that the API responds with.

    Parameters
    ----------
    message : str
        A sentence that names the value and the next step.
    details : list of dict
        One entry a problem, e.g. ``{"feature": "sex", "row": 3, "problem": "…"}``.

    Examples
    --------
    >>> ApiError.of_code("log_unwritable")
    <class 'service.contract.errors.LogWriteError'>
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "failed"
    headers: ClassVar[dict[str, str]] = {}

    def __init__(self, message: str, details: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.details = details or []

    @classmethod
    def of_code(cls, code: str) -> type["ApiError"]:
        """Return the class that has a code; one that is not known here is a plain `ApiError`."""
        return {each.code: each for each in cls.__subclasses__()}.get(code, ApiError)


class InputError(ApiError):
    """The rows do not fit the model's signature, or the model cannot predict them."""

    status = 422
    code = "invalid_input"


class TooLargeError(ApiError):
    """The request is larger than the API reads at once."""

    status = 413
    code = "too_large"


class MediaTypeError(ApiError):
    """The body's Content-Type is not JSON."""

    status = 415
    code = "media_type"


class MalformedError(ApiError):
    """What was sent is not a request by HTTP/1.1, or is not complete."""

    status = 400
    code = "malformed"


class RepeatedError(ApiError):
    """The request has a header twice that may be there once; readers take one or the other."""

    status = 400
    code = "repeated_header"


class TokenError(ApiError):
    """The request lacks the API's token."""

    status = 401
    code = "token"
    headers: ClassVar = {"WWW-Authenticate": 'Basic realm="Labloop", charset="UTF-8"'}


class ForeignError(ApiError):
    """The request names another host, or a page of another site sent it."""

    status = 403
    code = "foreign_request"


class NotFoundError(ApiError):
    """There is no such model, version or page."""

    status = 404
    code = "not_found"


class MethodError(ApiError):
    """The page is there, but not for this method."""

    status = 405
    code = "method"


class LateError(ApiError):
    """The request was not complete in time."""

    status = 408
    code = "late"


class FailedError(ApiError):
    """The API or the model is at fault; the API's own log says more."""

    status = 500
    code = "failed"


class NotPublishedError(ApiError):
    """The model has no version that can be served."""

    status = 503
    code = "not_published"
    headers: ClassVar = {"Retry-After": "5"}


class LogWriteError(ApiError):
    """The prediction log cannot be written, so no prediction is returned."""

    status = 503
    code = "log_unwritable"
    headers: ClassVar = {"Retry-After": "5"}


class OverloadedError(ApiError):
    """The API has as many requests as it can respond to in time; nothing was done."""

    status = 503
    code = "overloaded"
    headers: ClassVar = {"Retry-After": "1"}


class StoppingError(ApiError):
    """The API is being stopped; it responds only to requests that it has accepted."""

    status = 503
    code = "stopping"
    headers: ClassVar = {"Retry-After": "5"}
