"""Routes: parse, call, answer. What they call knows nothing of HTTP."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from service.api.edge.body import LARGE, body_of, read_json
from service.api.edge.responses import JSON
from service.api.inference.inference import Answer, Inference
from service.api.log import feedback
from service.api.metrics import files as metric_files
from service.api.metrics.metrics import metrics
from service.api.page.routes import PAGE_ROUTES
from service.api.registry.loaded_model import LoadedModel
from service.api.rest.openapi import FEEDBACK, METRICS, problems
from service.contract.errors import (
    InputError,
    LogWriteError,
    NotFoundError,
    NotPublishedError,
    StoppingError,
    TooLargeError,
)
from service.contract.log.segment import SegmentName, all_segments, stem
from service.contract.model.manifest import installed_libraries
from service.contract.model.signature import Columns, Signature
from service.contract.settings import Settings
from service.contract.text import show

INSTALLED = installed_libraries()

router = APIRouter(routes=PAGE_ROUTES, responses=problems())


@router.get("/docs", include_in_schema=False)
async def docs() -> Response:
    """Return the documentation of all routes, to try them out; its addresses are relative."""
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Labloop",
        swagger_js_url="static-offline-docs/swagger-ui-bundle.js",
        swagger_css_url="static-offline-docs/swagger-ui.css",
        swagger_favicon_url="static-offline-docs/favicon.png",
    )
    page.headers["Content-Security-Policy"] = "frame-ancestors 'self'"
    return page


@router.get("/health/live", tags=["health"], summary="Whether it lives, and what runs")
async def live(request: Request) -> Response:
    """Say that the process answers, what time it has, and what it runs."""
    return JSON(
        {
            "status": "live",
            "time": datetime.now(UTC),
            "image": inference_of(request).image,
            "libraries": INSTALLED,
        }
    )


@router.get("/health/ready", tags=["health"], summary="Whether it is ready, or why not")
async def ready(request: Request) -> Response:
    """Say whether the default model is served and the log can be written, and how it is synced."""
    inference = inference_of(request)
    if request.app.state.server.is_stopping:
        raise StoppingError("The API is stopping: it finishes what it has taken in.")
    if inference.log.problem:
        raise LogWriteError(inference.log.problem)
    try:
        model = inference.registry.live(request.app.state.settings.default_model)
    except NotFoundError as error:
        raise NotPublishedError(
            f"DEFAULT_MODEL is not served. {error} Publish it, or set DEFAULT_MODEL to another."
        ) from error
    return JSON(
        {
            "status": "ready",
            "model": model.name,
            "version": model.version,
            "image": inference.image,
            "log_sync": inference.log.sync,
        }
    )


@router.get("/log", tags=["health"], summary="Where predictions are logged")
def tell_log(request: Request) -> Response:
    """Say where the log is and which segment is its last, so that a reader can tell it is the one.

    A reader on another machine, or outside of the container, may have another folder at that path.
    """
    inference = inference_of(request)
    folder = inference.log.folder
    segments = all_segments(folder)
    return JSON(
        {
            "folder": str(folder.parent),
            "segment": stem(max(segments, key=SegmentName.of)) if segments else None,
            "image": inference.image,
        }
    )


@router.get(
    "/metrics",
    tags=["health"],
    summary="What all workers counted, for Prometheus",
    response_class=Response,
    responses=METRICS,
)
def tell_metrics(request: Request) -> Response:
    """Tell Prometheus what all workers counted."""
    text, content_type = metrics.text(request.headers.get("accept", ""))
    return Response(text, headers={"Content-Type": content_type})


async def predict_default(request: Request) -> Response:
    """Ask the default model about one row, a query parameter a feature."""
    return await _predict_one(request, request.app.state.settings.default_model)


async def predict_one(request: Request) -> Response:
    """Ask a model about one row: a query parameter a feature, an empty one is null."""
    return await _predict_one(request, request.path_params["name"])


async def predict_many(request: Request) -> Response:
    """Ask a model about many rows: `{"rows": [{…}]}` or `{"columns": {…: […]}}`."""
    limits: Settings = request.app.state.settings
    async with body_of(request) as body:
        answer = await inference_of(request).answer(
            request.path_params["name"],
            version_of(request.query_params.get("version")),
            lambda signature: _columns(signature, body, limits),
            request.headers.get("user-agent", ""),
            large=len(body) > LARGE,
        )
    content = {
        "model": answer.model,
        "version": answer.version,
        "ids": answer.ids,
        "predictions": answer.predictions,
        "classes": answer.classes,
        "probabilities": answer.probabilities,
    }
    if answer.targets is not None:
        content["targets"] = answer.targets
    return JSON(content, headers=answer_headers(answer))


async def predict(request: Request) -> Response:
    """Ask a model: about one row by GET, about many by POST."""
    return await (predict_many if request.method == "POST" else predict_one)(request)


# Plain Starlette routes: the time that a prediction takes is mostly its route's.
PREDICT_ROUTES = [
    Route("/predict", predict_default, methods=["GET"]),
    Route("/models/{name}/predict", predict, methods=["GET", "POST"]),
]


@router.post(
    "/feedback",
    tags=["feedback"],
    summary="Tell the truth about predictions",
    openapi_extra=FEEDBACK,
)
async def tell(request: Request) -> Response:
    """Keep the truth about predictions, by their ids; of several about one the last one counts."""
    limits: Settings = request.app.state.settings
    async with body_of(request) as body:
        content = await run_in_threadpool(read_json, body, limits)
    if not isinstance(content, dict) or content.keys() != {"items"}:
        raise InputError('The body must be {"items": [{"id": …, "truth": …}]}.')
    items = content["items"]
    check_rows(len(items) if isinstance(items, list) else 0, limits)
    client = request.headers.get("user-agent", "")
    count = await run_in_threadpool(feedback.keep, inference_of(request).log, items, client)
    return JSON({"accepted": count})


@router.get("/models", tags=["models"], summary="All models: what is live, refused, and asked")
def models(request: Request) -> Response:
    """List the models: what is served and how much it is asked, what was refused and why."""
    names, traffic = inference_of(request).registry.store.names(), metrics.traffic()
    shown = [_model(request, name) | {"traffic": traffic.get(name)} for name in names]
    return JSON({"models": shown, "counted_since": metric_files.started()})


@router.get(
    "/models/{name}", tags=["models"], summary="One model: what is live, and what was refused"
)
def model(request: Request, name: str) -> Response:
    """Show one model: what is served, and what was refused and why."""
    store = inference_of(request).registry.store
    if name not in store.names():
        store.folder(name, 1)
    return JSON(_model(request, name))


@router.get("/models/{name}/versions/{version}", tags=["models"], summary="A version's manifest")
def model_version(request: Request, name: str, version: int) -> Response:
    """Show a version's manifest."""
    registry = inference_of(request).registry
    manifest = registry.store.manifest(name, version)
    refusals = [r.reason for r in registry.refusals(name) if r.version == version]
    return JSON(
        {"version": version, "refused": refusals[-1] if refusals else None} | manifest.shown()
    )


def inference_of(request: Request) -> Inference:
    """Return the application's inference."""
    inference: Inference = request.app.state.inference
    return inference


async def _predict_one(request: Request, name: str) -> Response:
    query = request.scope["query_string"].decode("latin-1")
    pairs = parse_qsl(query, keep_blank_values=True)
    answer = await inference_of(request).answer(
        name,
        None,
        lambda signature: signature.parse_query(pairs),
        request.headers.get("user-agent", ""),
    )
    return JSON({"prediction": answer.predictions[0]}, headers=answer_headers(answer))


def version_of(text: str | None) -> int | None:
    """Read a version from a URL; None asks for the live one.

    Raises
    ------
    InputError
        It is no number.
    """
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InputError(f"Parameter version is {show(text)}, but an integer is expected.")
    return int(text)


def check_rows(rows: int, limits: Settings) -> None:
    """Refuse more rows than are read at once.

    Raises
    ------
    TooLargeError
        There are more than `MAX_ROWS`.
    """
    if rows > limits.max_rows:
        raise TooLargeError(
            f"The request has {rows} rows; at most {limits.max_rows} are read at once. "
            "Send them in parts, or raise MAX_ROWS."
        )


def _columns(signature: Signature, body: bytes, limits: Settings) -> Columns:
    content = read_json(body, limits)
    if not isinstance(content, dict) or content.keys() not in ({"rows"}, {"columns"}):
        raise InputError(
            'The body must be {"rows": [{feature: value}]} or {"columns": {feature: [value]}}.'
        )
    ((form, table),) = content.items()
    parts = [table] if form == "rows" else table.values() if isinstance(table, dict) else []
    rows = max((len(part) for part in parts if isinstance(part, list)), default=0)
    check_rows(rows, limits)
    return signature.parse_rows(table) if form == "rows" else signature.parse_columns(table)


def answer_headers(answer: Answer) -> dict[str, str]:
    """Say in headers who answered, and under which id the first row is in the log."""
    return {
        "X-Prediction-Id": answer.ids[0],
        "X-Model": answer.model,
        "X-Model-Version": str(answer.version),
    }


def _model(request: Request, name: str) -> dict[str, Any]:
    registry = inference_of(request).registry
    serving = registry.serving(name)
    return {
        "name": name,
        "workers": registry.workers.about(name),
        "live": None if serving is None else _serving(serving, registry.live_since(name)),
        "versions": registry.store.versions(name),
        "problem": registry.store.problem(name),
        "refused": [
            {"version": refusal.version, "reason": refusal.reason, "time": refusal.time}
            for refusal in registry.refusals(name)
        ],
    }


def _serving(model: LoadedModel, since: datetime | None) -> dict[str, Any]:
    shown = model.manifest.shown()
    return {
        "version": model.version,
        "since": since,
        "estimator": shown["estimator"],
        "metrics": model.manifest.metrics,
        "class_names": model.manifest.class_names,
        "fast_path": model.predictor.verdict.slow_because is None,
        "slow_because": model.predictor.verdict.slow_because,
        "example": model.example,
        "signature": shown["signature"],
    }
