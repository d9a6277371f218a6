"""The application: settings in, routes on, and one shape for every error."""

from service.api import trial_process

trial_process.start_server()  # before the imports below: they take seconds in both processes

import gc
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from service.api import openapi
from service.api.inference import Inference
from service.api.prediction_log import PredictionLog
from service.api.registry import Registry
from service.api.routes import JSON, PREDICT_ROUTES, router
from service.api.workers import Workers
from service.contract.errors import AnswerError, LabloopError
from service.contract.model_store import ModelStore
from service.contract.settings import settings

RETRY_SECONDS = 5


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load what is live before the first request; sync the log after the last one."""
    chosen = settings()
    registry = Registry(ModelStore(chosen.models_dir), Workers(), chosen.trial_seconds)
    log = PredictionLog(chosen)
    app.state.settings = chosen
    # A thread that computes lets the event loop in again after 0.5 ms instead of 5.
    sys.setswitchinterval(0.0005)
    app.state.inference = Inference(registry, log, chosen.labloop_image)
    # What is imported by now stays: the garbage collector, which would stop a request for 0.1 s to
    # go through all of scikit-learn, need not look at it again.
    gc.freeze()
    log.start()
    await run_in_threadpool(registry.start)
    yield
    await run_in_threadpool(registry.stop)
    await run_in_threadpool(log.stop)


# The offline variant serves the documentation's scripts itself; FastAPI's own
# /docs loads them from the internet and stays blank without it.
app = FastAPIOffline(
    title="Labloop",
    version=settings().labloop_image.rpartition(":")[2],
    description="Serves what the notebooks publish, and logs every prediction.",
    lifespan=lifespan,
    routes=PREDICT_ROUTES,
)
app.include_router(router)
app.openapi = partial(openapi.describe, app)  # type: ignore[method-assign]


def error(
    status: int,
    message: str,
    details: list[dict[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer with the one shape of an error."""
    content = {"error": message, "details": details or []}
    return JSON(content, status_code=status, headers=headers)


@app.exception_handler(AnswerError)
async def on_answer_error(request: Request, problem: AnswerError) -> Response:
    """Answer with the error's own status and words."""
    headers = {"Retry-After": str(RETRY_SECONDS)} if problem.status == 503 else None
    return error(problem.status, str(problem), problem.details, headers)


@app.exception_handler(HTTPException)
async def on_http_error(request: Request, problem: HTTPException) -> Response:
    """Answer 404 and 405 in words."""
    if problem.status_code == 404:
        message = f"There is no page {request.url.path!r}. GET /docs lists what there is."
    elif problem.status_code == 405:
        message = f"{request.method} is not answered at {request.url.path!r}. See GET /docs."
    else:
        message = str(problem.detail)
    return error(problem.status_code, message, headers=problem.headers)


@app.exception_handler(RequestValidationError)
async def on_invalid_parameter(request: Request, problem: RequestValidationError) -> Response:
    """Name the parameter; the input itself is not repeated, it may not be encodable."""
    details = [
        {"parameter": str(part["loc"][-1]), "problem": part["msg"]} for part in problem.errors()
    ]
    names = ", ".join(detail["parameter"] for detail in details)
    return error(422, f"Parameter {names} cannot be used: {details[0]['problem']}.", details)


@app.exception_handler(ClientDisconnect)
async def on_disconnect(request: Request, problem: ClientDisconnect) -> Response:
    """Answer nobody: the client left before its request was complete."""
    return error(400, "The request was not complete.")


@app.exception_handler(Exception)
async def on_failure(request: Request, problem: Exception) -> Response:
    """Answer 500; the traceback goes to the server's log."""
    message = str(problem) if isinstance(problem, LabloopError) else "The API failed."
    return error(500, f"{message} Its log says more: docker compose logs api.")
