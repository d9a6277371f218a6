"""Routes: health, log, metrics, feedback and models. What they call knows nothing of HTTP."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.concurrency import run_in_threadpool

from service.api.edge.body import read_json
from service.api.edge.requests import body_of, client_of
from service.api.edge.responses import JSON, problems
from service.api.log import feedback
from service.api.metrics import files as metric_files
from service.api.metrics.metrics import metrics
from service.api.processes.worker_reports import Report
from service.api.rest.openapi import FEEDBACK, METRICS
from service.api.state import State, state_of
from service.contract.build import build
from service.contract.errors import InputError
from service.contract.libraries import versions
from service.contract.log.segment import SegmentName, all_segments, stem

INSTALLED = versions.installed()

router = APIRouter(responses=problems())


@router.get("/docs", include_in_schema=False)
async def docs() -> Response:
    """Respond with the documentation of all routes, to try them out; its addresses are relative."""
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
            "image": build().image,
            "libraries": INSTALLED,
        }
    )


@router.get("/health/ready", tags=["health"], summary="Whether it is ready, or why not")
async def ready(request: Request) -> Response:
    """Say whether the default model is served and the log can be written, and how it is synced."""
    state = state_of(request)
    model = state.ready_model()
    return JSON(
        {
            "status": "ready",
            "model": model.name,
            "version": model.version,
            "image": build().image,
            "log_sync": state.log.sync,
        }
    )


@router.get("/log", tags=["health"], summary="Where predictions are logged")
def tell_log(request: Request) -> Response:
    """Say where the log is and which segment is its last, so that a reader can tell it is the one.

    A reader on another machine, or outside of the container, may have another folder at that path.
    With `ARCHIVE_URL`, `archive` says how many sealed segments wait here, and what is wrong.
    """
    state = state_of(request)
    segments = all_segments(state.log.folder)
    shipper = state.log.shipper
    return JSON(
        {
            "folder": str(state.log.folder.parent),
            "segment": stem(max(segments, key=SegmentName.of)) if segments else None,
            "image": build().image,
            "archive": None if shipper is None else shipper.report(),
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


@router.post(
    "/feedback",
    tags=["feedback"],
    summary="Tell the truth about predictions",
    openapi_extra=FEEDBACK,
)
async def tell(request: Request) -> Response:
    """Keep the truth about predictions, by their ids; of several about one the last one counts."""
    state = state_of(request)
    async with body_of(request, state.admission) as body:
        content = await run_in_threadpool(read_json, body, state.settings)
    if not isinstance(content, dict) or content.keys() != {"items"}:
        raise InputError('The body must be {"items": [{"id": …, "truth": …}]}.')
    items = content["items"]
    state.admission.check_rows(len(items) if isinstance(items, list) else 0)
    count = await run_in_threadpool(feedback.keep, state.log, items, client_of(request))
    return JSON({"accepted": count})


@router.get("/models", tags=["models"], summary="All models: what is live, refused, and asked")
def models(request: Request) -> Response:
    """List the models: what is served and how much it is asked, what was refused and why."""
    state, traffic = state_of(request), metrics.traffic()
    reports = state.registry.reports.read()
    shown = [
        _model(state, name, reports) | {"traffic": traffic.get(name)}
        for name in state.store.names()
    ]
    return JSON(
        {
            "models": shown,
            "counted_since": metric_files.started(),
            "store_problem": state.store.trouble,
        }
    )


@router.get(
    "/models/{name}", tags=["models"], summary="One model: what is live, and what was refused"
)
def model(request: Request, name: str) -> Response:
    """Show one model: what is served, and what was refused and why."""
    state = state_of(request)
    if name not in state.store.names():
        state.store.check(name, 1)
    return JSON(_model(state, name, state.registry.reports.read()))


@router.get("/models/{name}/versions/{version}", tags=["models"], summary="A version's manifest")
def model_version(request: Request, name: str, version: int) -> Response:
    """Show a version's manifest."""
    state = state_of(request)
    manifest = state.store.manifest(name, version)
    refusal = state.registry.refusals.about(name, version)
    return JSON({"version": version, "refused": refusal and refusal.reason} | manifest.shown())


def _model(state: State, name: str, reports: list[Report]) -> dict[str, Any]:
    registry, store = state.registry, state.store
    serving, since = registry.serving(name), registry.live_since(name)
    return {
        "name": name,
        "workers": [report.about(name) for report in reports],
        "live": serving and {"version": serving.version, "since": since, **serving.shown},
        "versions": store.versions(name),
        "problem": store.problem(name),
        "refused": [
            {"version": refusal.version, "reason": refusal.reason, "time": refusal.time}
            for refusal in registry.refusals.of(name)
        ],
    }
