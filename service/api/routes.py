"""Routes: parse, call, answer. What they call knows nothing of HTTP."""

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from service.api.body import read_json
from service.api.inference import Answer, Inference, Parse
from service.api.registry import LoadedModel
from service.contract.errors import InputError, NotPublishedError


class Problem(BaseModel):
    """What every error looks like."""

    error: str
    details: list[dict[str, Any]]


router = APIRouter(
    responses={
        404: {"model": Problem, "description": "There is no such model or version"},
        422: {"model": Problem, "description": "The input does not fit; feature and row are named"},
        503: {"model": Problem, "description": "Nothing is published, or the log is not writable"},
    }
)

# What /docs offers to try: only the model's signature knows the features, so they are an example.
FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
QUERY = {
    "parameters": [
        {
            "name": "features",
            "in": "query",
            "required": True,
            "description": "One parameter a feature",
            "style": "form",
            "explode": True,
            "schema": {"type": "object", "additionalProperties": {}},
            "example": FLOWER,
        }
    ]
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object"}, "example": {"rows": [FLOWER]}}
        },
    }
}


class JSON(Response):
    """JSON by orjson, which writes floats exactly and dates by RFC 3339."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode the content."""
        return orjson.dumps(content)


@router.get("/", include_in_schema=False)
async def home() -> Response:
    """Lead people to the API's documentation."""
    return RedirectResponse("/docs")


@router.get("/health/live", tags=["health"])
async def live() -> Response:
    """Say that the process answers."""
    return JSON({"status": "live"})


@router.get("/health/ready", tags=["health"])
async def ready(request: Request) -> Response:
    """Say whether the default model is served, and how the log is synced."""
    inference = _inference(request)
    model = inference.registry.get(request.app.state.default_model)
    return JSON(
        {
            "status": "ready",
            "model": model.name,
            "version": model.version,
            "image": inference.image,
            "log_sync": inference.log.sync,
        }
    )


@router.get("/predict", tags=["predict"], openapi_extra=QUERY)
async def predict_default(request: Request) -> Response:
    """Ask the default model about one row, a query parameter a feature."""
    return await predict_one(request, request.app.state.default_model)


@router.get("/models/{name}/predict", tags=["predict"], openapi_extra=QUERY)
async def predict_one(request: Request, name: str) -> Response:
    """Ask a model about one row: a query parameter a feature, an empty one is null."""
    pairs = request.query_params.multi_items()
    answer = await _answer(request, name, None, lambda signature: signature.parse_query(pairs))
    return JSON({"prediction": answer.predictions[0]}, headers=_headers(answer))


@router.post("/models/{name}/predict", tags=["predict"], openapi_extra=BODY)
async def predict_many(request: Request, name: str, version: int | None = None) -> Response:
    """Ask a model about many rows: `{"rows": [{…}]}` or `{"columns": {…: […]}}`."""
    body = await request.body()
    answer = await _answer(request, name, version, lambda signature: _table(signature, body))
    content = {
        "model": answer.model,
        "version": answer.version,
        "ids": answer.ids,
        "predictions": answer.predictions,
        "classes": answer.classes,
        "probabilities": answer.probabilities,
    }
    return JSON(content, headers=_headers(answer))


@router.get("/models", tags=["models"])
def models(request: Request) -> Response:
    """List the models: what is served, and what was refused and why."""
    registry = _inference(request).registry
    return JSON({"models": [_model(request, name) for name in registry.store.names()]})


@router.get("/models/{name}", tags=["models"])
def model(request: Request, name: str) -> Response:
    """Show one model: what is served, and what was refused and why."""
    store = _inference(request).registry.store
    if name not in store.names():
        store.folder(name, 1)
    return JSON(_model(request, name))


@router.get("/models/{name}/versions/{version}", tags=["models"])
def model_version(request: Request, name: str, version: int) -> Response:
    """Show a version's manifest."""
    registry = _inference(request).registry
    manifest = registry.store.manifest(name, version)
    refusals = [r.reason for r in registry.refusals(name) if r.version == version]
    return JSON(
        {"version": version, "refused": refusals[-1] if refusals else None}
        | manifest.model_dump(mode="json")
    )


def _inference(request: Request) -> Inference:
    inference: Inference = request.app.state.inference
    return inference


async def _answer(request: Request, name: str, version: int | None, parse: Parse) -> Answer:
    client = request.headers.get("user-agent", "")
    return await run_in_threadpool(_inference(request).answer, name, version, parse, client)


def _table(signature: Any, body: bytes) -> Any:
    content = read_json(body)
    if not isinstance(content, dict) or content.keys() not in ({"rows"}, {"columns"}):
        raise InputError(
            'The body must be {"rows": [{feature: value}]} or {"columns": {feature: [value]}}.'
        )
    if "rows" in content:
        return signature.parse_rows(content["rows"])
    return signature.parse_columns(content["columns"])


def _headers(answer: Answer) -> dict[str, str]:
    return {
        "X-Prediction-Id": answer.ids[0],
        "X-Model": answer.model,
        "X-Model-Version": str(answer.version),
    }


def _model(request: Request, name: str) -> dict[str, Any]:
    registry = _inference(request).registry
    try:
        serving: LoadedModel | None = registry.get(name)
    except NotPublishedError:
        serving = None
    return {
        "name": name,
        "generation": registry.generation(name),
        "live": None if serving is None else _serving(serving),
        "versions": registry.store.versions(name),
        "refused": [
            {"version": refusal.version, "reason": refusal.reason, "time": refusal.time}
            for refusal in registry.refusals(name)
        ],
    }


def _serving(model: LoadedModel) -> dict[str, Any]:
    return {
        "version": model.version,
        "since": model.since,
        "estimator": model.manifest.estimator,
        "metrics": model.manifest.metrics,
        "class_names": model.manifest.class_names,
        "signature": model.manifest.signature.model_dump(mode="json"),
    }
