"""Direct: the same access control, signature, batch and log line, without the application.

FastAPI's and Starlette's middleware, routing, request and response take half of the time of a small
request. Here their place is taken by what a plain request to predict needs of them. Whatever is
unusual about one is left to the application, which begins anew: an error, a large body, a model
without a fast path. So there is one place for each of these, and nothing is decided twice. Nothing
was logged by then, since only a prediction is.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

from starlette.responses import Response
from starlette.types import Scope

from service.api.direct.forms import DEFAULT, ROW, ROWS, TENSORS, Content, Form
from service.api.edge.access import AccessControl
from service.api.edge.admission import LARGE
from service.api.edge.responses import JSON, failure, prediction_headers, problem_response
from service.api.inference.inference import LoggedPrediction
from service.api.metrics.metrics import metrics
from service.api.state import State
from service.contract.errors import ApiError

# With one of these a request is not plain: the application responds with more than a prediction.
UNUSUAL = frozenset(
    (b"origin", b"expect", b"transfer-encoding", b"upgrade", b"inference-header-content-length")
)

logger = logging.getLogger("uvicorn.error")


Answer = Callable[[Response | None], None]
"""Gets the response; None leaves the request to the application."""


@dataclass(slots=True)
class Question:
    """A request that may be answered directly: which model is asked, in which form, and by whom."""

    scope: Scope
    form: Form
    model: str
    client: str
    began: float = field(default_factory=perf_counter)


class Direct:
    """Answers requests to predict.

    Parameters
    ----------
    state : State
    access : AccessControl
    """

    def __init__(self, state: State, access: AccessControl) -> None:
        self._state = state
        self._access = access
        self._default = state.settings.default_model

    def find(self, scope: Scope) -> Question | None:
        """Look at a request's head; None leaves the request to the application."""
        if self._state.is_stopping:
            return None
        found = self._form(scope["method"], scope["path"])
        if found is None:
            return None
        form, model = found
        try:
            headers = self._access.check(scope)
        except ApiError:
            return None
        if len(headers) < len(scope["headers"]) or not UNUSUAL.isdisjoint(headers):
            return None
        length = headers.get(b"content-length", b"0")
        if form in (DEFAULT, ROW):
            if length != b"0":
                return None
        elif scope["query_string"] or not 0 < _number(length) <= LARGE:
            return None
        return Question(scope, form, model, headers.get(b"user-agent", b"").decode("latin-1"))

    def _form(self, method: str, path: str) -> tuple[Form, str] | None:
        if path == "/predict":
            return (DEFAULT, self._default) if method == "GET" else None
        match path.split("/"):
            case ["", "models", name, "predict"] if method == "GET":
                return ROW, name
            case ["", "models", name, "predict"] if method == "POST":
                return ROWS, name
            case ["", "v2", "models", name, "infer"] if method == "POST":
                return TENSORS, name
        return None

    def begin(self, question: Question, body: bytes, answer: Answer) -> bool:
        """Have a complete request predicted, and answered once the prediction is in the log.

        Returns
        -------
        is_taken : bool
            False leaves it to the application; then nobody is answered.
        """
        state = self._state
        model, admission = state.registry.serving(question.model), state.admission
        if model is None or not model.is_quick or admission.is_full:  # before anything is read
            return False
        try:
            read = question.form.read(question.scope, body, model.signature, admission)
        except ApiError:
            return False
        if read is None:
            return False
        columns, content = read

        def tell(result: LoggedPrediction | Exception | None) -> None:
            admission.leave()
            if not isinstance(result, LoggedPrediction):
                answer(None)
                return
            response = _response(question, result, content)
            answer(response)
            seconds = perf_counter() - question.began
            method, route = question.scope["method"], question.form.route
            metrics.answered(method, route, response.status_code, seconds)

        if not state.inference.predict_soon(model, columns, question.client, tell):
            return False
        admission.enter()
        return True


def _response(question: Question, prediction: LoggedPrediction, content: Content) -> Response:
    try:
        headers = prediction_headers(prediction.ids[0], prediction.model, prediction.version)
        return JSON(content(prediction), headers=headers)
    except Exception as error:  # it is in the log, so it is not predicted again
        logger.exception("A prediction cannot be written as a response.")
        return problem_response(question.scope["path"], failure(error))


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() else 0
