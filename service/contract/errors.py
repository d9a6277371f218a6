"""The errors of Labloop, in one tree.

::

    LabloopError
    ├── SettingError         a setting in the environment cannot be used
    ├── EstimatorError       an estimator cannot be published
    │   └── SignatureError   its training table cannot be described
    ├── ArtifactError        a model's files cannot be trusted or read
    ├── RefusedError         the API refused a published version
    ├── ApiUnreachableError  nothing answers at API_URL
    └── AnswerError          the API answers with an error; both sides share these
        ├── InputError         422  the rows do not fit the model
        ├── TooLargeError      413  the body or its rows are more than is read at once
        ├── NotFoundError      404  no such model, version or page
        ├── NotPublishedError  503  the model has no version to serve
        └── LogWriteError      503  the prediction log cannot be written

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


class ApiUnreachableError(LabloopError):
    """Nothing answers at the API's address."""


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

    def __init__(self, message: str, details: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.details = details or []


class InputError(AnswerError):
    """The rows do not fit the model's signature, or the model cannot answer them."""

    status = 422


class TooLargeError(AnswerError):
    """The request is larger than the API reads at once."""

    status = 413


class NotFoundError(AnswerError):
    """There is no such model, version or page."""

    status = 404


class NotPublishedError(AnswerError):
    """The model has no version that can be served."""

    status = 503


class LogWriteError(AnswerError):
    """The prediction log cannot be written, so no answer is given."""

    status = 503
