"""The application: settings in, routes on, and one shape for every error."""

from service.api.metrics import files as metric_files
from service.api.registry import validation_process

validation_process.start_server()  # before the imports below: they take seconds in both processes
metric_files.claim()  # before prometheus_client is imported, which looks for them

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect

from service.api.edge.access import Gate
from service.api.edge.admission import Queue
from service.api.edge.responses import answer_error, error
from service.api.inference.inference import Inference
from service.api.log.prediction_log import PredictionLog
from service.api.metrics.metrics import metrics
from service.api.metrics.middleware import RequestMetrics
from service.api.processes import descriptors
from service.api.processes.pulse import pulse
from service.api.processes.workers import Workers
from service.api.registry.registry import Registry
from service.api.rest import openapi
from service.api.rest.routes import PREDICT_ROUTES, router
from service.api.server import Server
from service.api.v2.routes import V2_ROUTES
from service.contract.errors import AnswerError, LabloopError, OverloadedError
from service.contract.model.store import ModelStore
from service.contract.settings import listed, settings


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load what is live before the first request; sync the log after the last one."""
    beating = asyncio.create_task(pulse.beat())
    chosen = settings()
    registry = Registry(ModelStore(chosen.models_dir), Workers(), chosen.trial_seconds)
    log = PredictionLog(chosen)
    app.state.settings = chosen
    descriptors.say_once_a_second()
    # A thread that computes lets the event loop in again after 0.5 ms instead of 5.
    sys.setswitchinterval(0.0005)
    queue = Queue(chosen.max_waiting, chosen.max_body_bytes)
    app.state.inference = Inference(registry, log, queue, chosen.labloop_image)
    app.state.server = Server(chosen.drain_seconds)
    # What is imported by now stays: the garbage collector, which would stop a request for 0.1 s to
    # go through all of scikit-learn, need not look at it again.
    gc.freeze()
    log.start()
    await run_in_threadpool(registry.start)
    descriptors.most_connections(chosen.max_connections)  # now, so that it is said at the start
    metrics.workers.set(1)
    yield
    await run_in_threadpool(registry.stop)
    await run_in_threadpool(log.stop)
    beating.cancel()


def _middleware() -> list[Middleware]:
    """List what a request passes before its route, the outermost first."""
    chosen = settings()
    stack = [Middleware(RequestMetrics), Middleware(Gate, settings=chosen)]
    if origins := [*listed(chosen.allowed_origins)]:
        cors = Middleware(
            CORSMiddleware, allow_origins=origins, allow_methods=["*"], allow_headers=["*"]
        )
        stack.insert(1, cors)
    return stack


# The offline variant brings the documentation's scripts; FastAPI's own /docs loads them from the
# internet and stays blank without it.
app = FastAPIOffline(
    docs_url=None,
    redoc_url=None,
    title="Labloop",
    version=settings().labloop_image.rpartition(":")[2],
    description="Serves what the notebooks publish, and logs every prediction.",
    lifespan=lifespan,
    middleware=_middleware(),
    routes=[*PREDICT_ROUTES, *V2_ROUTES],
)
app.include_router(router)
app.openapi = partial(openapi.describe, app)  # type: ignore[method-assign]


@app.exception_handler(AnswerError)
async def on_answer_error(request: Request, problem: AnswerError) -> Response:
    """Answer with the error's own status and words."""
    return answer_error(request.url.path, problem)


@app.exception_handler(HTTPException)
async def on_http_error(request: Request, problem: HTTPException) -> Response:
    """Answer 404 and 405 in words."""
    if problem.status_code == 404:
        message = f"There is no page {request.url.path!r}. GET /docs lists what there is."
    elif problem.status_code == 405:
        message = f"{request.method} is not answered at {request.url.path!r}. See GET /docs."
    else:
        message = str(problem.detail)
    return error(request.url.path, problem.status_code, message, headers=problem.headers)


@app.exception_handler(RequestValidationError)
async def on_invalid_parameter(request: Request, problem: RequestValidationError) -> Response:
    """Name the parameter; the input itself is not repeated, it may not be encodable."""
    path = request.url.path
    details = [
        {"parameter": str(part["loc"][-1]), "problem": part["msg"]} for part in problem.errors()
    ]
    names = ", ".join(detail["parameter"] for detail in details)
    return error(path, 422, f"Parameter {names} cannot be used: {details[0]['problem']}.", details)


@app.exception_handler(ClientDisconnect)
async def on_disconnect(request: Request, problem: ClientDisconnect) -> Response:
    """Answer nobody: the client left before its request was complete."""
    return error(request.url.path, 400, "The request was not complete.")


@app.exception_handler(OSError)
async def on_shortage(request: Request, problem: OSError) -> Response:
    """Answer 503 where no more files can be opened."""
    if not descriptors.is_shortage(problem):
        raise problem
    said = OverloadedError("The API has as many files open as it may. Try again.")
    return answer_error(request.url.path, said)


@app.exception_handler(Exception)
async def on_failure(request: Request, problem: Exception) -> Response:
    """Answer 500; the traceback goes to the server's log."""
    message = str(problem) if isinstance(problem, LabloopError) else "The API failed."
    path = request.url.path
    return error(path, 500, f"{message} Its log says more: docker compose logs api.")
