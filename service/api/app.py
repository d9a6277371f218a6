"""The application: settings in, routes on, and one shape for every error."""

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from service.api.edge.access import AccessControl
from service.api.edge.responses import failure, problem_response
from service.api.metrics.metrics import metrics
from service.api.metrics.middleware import RequestMetrics
from service.api.openapi import Document
from service.api.page.routes import PAGE_ROUTES
from service.api.processes import descriptors
from service.api.processes.pulse import pulse
from service.api.rest.predict import PREDICT_ROUTES
from service.api.rest.routes import router
from service.api.state import State
from service.api.v2.routes import V2_ROUTES
from service.contract.build import build
from service.contract.errors import (
    ApiError,
    InputError,
    MalformedError,
    MethodError,
    NotFoundError,
    NotPublishedError,
    OverloadedError,
    StoreError,
)
from service.contract.settings import Settings, listed

logger = logging.getLogger("uvicorn.error")


def create_app(settings: Settings) -> FastAPI:
    """Put the application together; what it needs is started with it.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    app : FastAPI
        Its `state.labloop` is the `State`.
    """
    # The offline variant brings the documentation's scripts; FastAPI's own /docs loads them from
    # the internet and stays blank without it.
    app = FastAPIOffline(
        docs_url=None,
        redoc_url=None,
        title="Labloop",
        version=build().image.rpartition(":")[2],
        description="Serves what the notebooks publish, and logs every prediction.",
        lifespan=lifespan,
        middleware=_middleware(settings),
        routes=[*PREDICT_ROUTES, *V2_ROUTES, *PAGE_ROUTES],
        exception_handlers={
            ApiError: on_api_error,
            HTTPException: on_http_error,
            RequestValidationError: on_invalid_parameter,
            ClientDisconnect: on_disconnect,
            StoreError: on_store_trouble,
            OSError: on_shortage,
            Exception: on_failure,
        },
    )
    app.include_router(router)
    app.state.labloop = State.of(settings)
    app.openapi = Document(app)  # type: ignore[method-assign]
    return app


def __getattr__(name: str) -> Any:
    """Make the application for who starts it by hand: ``uvicorn service.api.app:app``."""
    if name == "app":
        from service.contract.settings import settings

        return create_app(settings())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load what is live before the first request; sync the log after the last one."""
    state: State = app.state.labloop
    beating = asyncio.create_task(pulse.beat())
    descriptors.say_once_a_second()
    # A thread that computes lets the event loop in again after 0.5 ms instead of 5.
    sys.setswitchinterval(0.0005)
    # What is imported by now stays: the garbage collector, which would stop a request for 0.1 s to
    # go through all of scikit-learn, need not look at it again.
    gc.freeze()
    state.log.start()
    if state.mirror is not None:
        await run_in_threadpool(state.mirror.start)
    await run_in_threadpool(state.registry.start)
    if state.has_limits:  # now, so that what the system does not allow is said at the start
        descriptors.most_connections(state.settings.max_connections)
    else:
        logger.warning(
            "This server was started by hand, so it bounds no connection, no header and no time, "
            "does not wait DRAIN_SECONDS, and each worker counts for itself in /metrics. "
            "`python -m service.api` does all of this."
        )
    metrics.workers.set(1)
    yield
    await run_in_threadpool(state.registry.stop)
    if state.mirror is not None:
        await run_in_threadpool(state.mirror.stop)
    await run_in_threadpool(state.log.stop)
    beating.cancel()


def _middleware(settings: Settings) -> list[Middleware]:
    """List what a request passes before its route, the outermost first."""
    stack = [Middleware(RequestMetrics), Middleware(AccessControl, settings=settings)]
    if origins := [*listed(settings.allowed_origins)]:
        cors = Middleware(
            CORSMiddleware, allow_origins=origins, allow_methods=["*"], allow_headers=["*"]
        )
        stack.insert(1, cors)
    return stack


async def on_api_error(request: Request, problem: ApiError) -> Response:
    """Respond with the error's own status, code and words."""
    return problem_response(request.url.path, problem)


async def on_http_error(request: Request, problem: HTTPException) -> Response:
    """Respond to what no route takes, in words."""
    path = request.url.path
    said: ApiError = MalformedError(str(problem.detail))
    if problem.status_code == 404:
        said = NotFoundError(f"There is no page {path!r}. GET /docs lists what there is.")
    elif problem.status_code == 405:
        said = MethodError(f"{request.method} is not answered at {path!r}. See GET /docs.")
    return problem_response(path, said, problem.status_code, problem.headers)


async def on_invalid_parameter(request: Request, problem: RequestValidationError) -> Response:
    """Name the parameter; the input itself is not repeated, it may not be encodable."""
    details = [
        {"parameter": str(part["loc"][-1]), "problem": part["msg"]} for part in problem.errors()
    ]
    names = ", ".join(detail["parameter"] for detail in details)
    said = InputError(f"Parameter {names} cannot be used: {details[0]['problem']}.", details)
    return problem_response(request.url.path, said)


async def on_disconnect(request: Request, problem: ClientDisconnect) -> Response:
    """Respond to nobody: the client left before its request was complete."""
    return problem_response(request.url.path, MalformedError("The request was not complete."))


async def on_shortage(request: Request, problem: OSError) -> Response:
    """Respond 503 where no more files can be opened."""
    if not descriptors.is_shortage(problem):
        raise problem
    said = OverloadedError("The API has as many files open as it may. Try again.")
    return problem_response(request.url.path, said)


async def on_store_trouble(request: Request, problem: StoreError) -> Response:
    """Respond 503 where a version is to be fetched, and the object store cannot be used."""
    return problem_response(request.url.path, NotPublishedError(str(problem)))


async def on_failure(request: Request, problem: Exception) -> Response:
    """Respond 500; the traceback goes to the server's log."""
    return problem_response(request.url.path, failure(problem))
