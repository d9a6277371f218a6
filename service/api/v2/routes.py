"""V2 routes: the Open Inference Protocol, for clients that were made for other servers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from service.api.edge.admission import Admission
from service.api.edge.body import read_json
from service.api.edge.requests import body_of, client_of, number_of, version_of
from service.api.edge.responses import JSON, prediction_headers
from service.api.state import State, state_of
from service.api.v2.input_tensors import InferenceRequest
from service.api.v2.output_tensors import OutputTensor, metadata, written
from service.contract.errors import InputError
from service.contract.signature.signature import Columns, Signature

Endpoint = Callable[[Request], Awaitable[Response]]

JSON_LENGTH = "Inference-Header-Content-Length"  # the JSON's, where binary tensors follow it

EXTENSIONS = ["binary_tensor_data", "model_repository"]

PUBLISHING = (
    "Models are not loaded over HTTP: publish from a notebook with lab.publish, "
    "and choose what is live with lab.promote."
)
CONFIGURATION = "Models have no configuration here. GET /models/<name> shows the signature."
STATISTICS = "There are no statistics here. GET /metrics has counts and latencies."
SHARED_MEMORY = "Shared memory is not offered. Send tensors in the request."
SETTINGS = "This is set by the environment and not over HTTP."
GENERATING = "Nothing is generated here. POST to …/infer."


async def server(request: Request) -> Response:
    """Say what this is."""
    return JSON({"name": "labloop", "version": request.app.version, "extensions": EXTENSIONS})


async def live(request: Request) -> Response:
    """Say that the process answers."""
    return JSON({"live": True})


async def ready(request: Request) -> Response:
    """Say whether the default model is served and the log can be written."""
    state_of(request).ready_model()
    return JSON({"ready": True})


async def models(request: Request) -> Response:
    """List the models' names."""
    names = await run_in_threadpool(state_of(request).store.names)
    return JSON({"models": names})


async def model(request: Request) -> Response:
    """Describe a model's inputs and outputs."""
    name, version = _asked(request)
    return JSON(await run_in_threadpool(_metadata, state_of(request), name, version))


async def model_ready(request: Request) -> Response:
    """Say that a version answers; one that is not live is loaded first."""
    name, version = _asked(request)
    await state_of(request).registry.get(name, version)
    return JSON({"name": name, "ready": True})


async def infer(request: Request) -> Response:
    """Ask a model about the rows in some tensors."""
    state = state_of(request)
    name, version = _asked(request)
    length = number_of(JSON_LENGTH, request.headers.get(JSON_LENGTH), "a number of bytes")
    async with body_of(request, state.admission) as body:
        with state.admission:
            model = await state.registry.get(name, version)
            asked = await state.admission.read(partial(read, length), body, model.signature)
            prediction = await state.inference.predict(model, asked.columns, client_of(request))
    content, binary = written(asked.outputs, prediction, asked.id)
    headers = prediction_headers(prediction.ids[0], prediction.model, prediction.version)
    response = JSON(content, headers=headers)
    if binary:
        response.headers[JSON_LENGTH] = str(len(response.body))
        response.headers["Content-Type"] = "application/octet-stream"
        response.body = b"".join([response.body, *binary])
        response.headers["Content-Length"] = str(len(response.body))
    return response


async def repository_index(request: Request) -> Response:
    """List every version of every model, and whether it is live."""
    state = state_of(request)
    async with body_of(request, state.admission) as body:
        content = await run_in_threadpool(read_json, body or b"{}", state.settings)
    only = content.get("ready", False) if isinstance(content, dict) else None
    if not isinstance(only, bool):
        raise InputError('The body must be {"ready": true}, {"ready": false}, or nothing.')
    index = await run_in_threadpool(_index, state)
    return JSON([each for each in index if not only or each["state"] == "READY"])


def _asked(request: Request) -> tuple[str, int | None]:
    """Read the path's model, and its version if it has one."""
    path = request.path_params
    return path["name"], version_of(path.get("version"))


@dataclass(slots=True)
class Asked:
    """What a request asks for, by a model's signature."""

    id: str | None
    columns: Columns
    outputs: list[OutputTensor]


def read(length: int | None, body: bytes, signature: Signature, admission: Admission) -> Asked:
    """Read tensors by a model's signature; the first `length` bytes are JSON, or all.

    Raises
    ------
    ApiError
        The body says something else, or has too many rows.
    """
    binary = None
    if length is not None:
        if length > len(body):
            raise InputError(f"{JSON_LENGTH} is {length}, but the body has only {len(body)} bytes.")
        body, binary = body[:length], body[length:]
    request = InferenceRequest.read(read_json(body, admission.limits), binary)
    admission.check_rows(request.rows)
    outputs = request.outputs(signature.output)
    return Asked(request.id, request.columns(signature), outputs)


def _metadata(state: State, name: str, version: int | None) -> dict[str, Any]:
    if version is None:
        signature = state.registry.live(name).signature
    else:
        signature = state.store.manifest(name, version).signature
    return metadata(name, state.store.versions(name), signature)


def _index(state: State) -> list[dict[str, str]]:
    index = []
    for name in state.store.names():
        serving = state.registry.serving(name)
        refused = {refusal.version: refusal.reason for refusal in state.registry.refusals.of(name)}
        for version in state.store.versions(name):
            is_live = serving is not None and serving.version == version
            reason = "Not live; it is loaded when it is asked for by number."
            index.append(
                {
                    "name": name,
                    "version": str(version),
                    "state": "READY" if is_live else "UNAVAILABLE",
                    "reason": "" if is_live else refused.get(version, reason),
                }
            )
    return index


def _not_offered(message: str) -> Endpoint:
    async def respond(request: Request) -> Response:
        return JSON({"error": message}, status_code=501)

    return respond


def _routes(path: str, endpoint: Endpoint, *methods: str) -> list[BaseRoute]:
    """Route a path with and without a slash at its end."""
    return [Route(each, endpoint, methods=[*methods]) for each in (path, path + "/")]


def _of_a_model(path: str, endpoint: Endpoint, method: str) -> list[BaseRoute]:
    """Route a path under a model, and under a version of it."""
    return [
        route
        for start in ("/models/{name}", "/models/{name}/versions/{version}")
        for route in _routes(start + path, endpoint, method)
    ]


V2_ROUTES: list[BaseRoute] = [
    Route("/v2", server),
    Mount(
        "/v2",
        routes=[
            *_of_a_model("/infer", infer, "POST"),
            *_of_a_model("/ready", model_ready, "GET"),
            *_of_a_model("", model, "GET"),
            Route("/", server),
            *_routes("/health/live", live, "GET"),
            *_routes("/health/ready", ready, "GET"),
            *_routes("/models", models, "GET"),
            *_routes("/repository/index", repository_index, "GET", "POST"),
            *_routes("/repository/models/{name}/load", _not_offered(PUBLISHING), "POST"),
            *_routes("/repository/models/{name}/unload", _not_offered(PUBLISHING), "POST"),
            *_of_a_model("/config", _not_offered(CONFIGURATION), "GET"),
            *_of_a_model("/stats", _not_offered(STATISTICS), "GET"),
            *_of_a_model("/generate", _not_offered(GENERATING), "POST"),
            *_of_a_model("/generate_stream", _not_offered(GENERATING), "POST"),
            *_of_a_model("/infer_stream", _not_offered(GENERATING), "POST"),
            *_routes("/systemsharedmemory/{rest:path}", _not_offered(SHARED_MEMORY), "GET", "POST"),
            *_routes("/cudasharedmemory/{rest:path}", _not_offered(SHARED_MEMORY), "GET", "POST"),
            *_routes("/models/{name}/trace/setting", _not_offered(SETTINGS), "GET", "POST"),
            *_routes("/trace/setting", _not_offered(SETTINGS), "GET", "POST"),
            *_routes("/logging", _not_offered(SETTINGS), "GET", "POST"),
        ],
    ),
]
