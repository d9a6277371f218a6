"""State: what the routes work with, made once for an application."""

from dataclasses import dataclass

from starlette.requests import Request

from service.api.edge.admission import Admission
from service.api.inference.inference import Inference
from service.api.log.prediction_log import PredictionLog
from service.api.processes.worker_reports import WorkerReports
from service.api.registry.loaded_model import LoadedModel
from service.api.registry.mirror import Mirror
from service.api.registry.registry import Registry
from service.contract.build import build
from service.contract.errors import (
    LogWriteError,
    NotFoundError,
    NotPublishedError,
    StoppingError,
)
from service.contract.model import opening
from service.contract.model.remote.cached_store import CachedStore
from service.contract.model.store import ModelStore
from service.contract.settings import Settings


@dataclass
class State:
    """What the routes work with.

    `mirror` is there with `STORE_URL`. `has_limits` says whether `service.api.worker` serves it,
    whose connections are bounded; `is_stopping`, whether it was told to stop, and answers what it
    has taken in.
    """

    settings: Settings
    store: ModelStore
    registry: Registry
    log: PredictionLog
    admission: Admission
    inference: Inference
    mirror: Mirror | None = None
    has_limits: bool = False
    is_stopping: bool = False

    @classmethod
    def of(cls, settings: Settings) -> "State":
        """Put it together by some settings; nothing of it is started."""
        store = opening.for_api(settings)
        registry = Registry(store, WorkerReports(settings), settings.trial_seconds)
        log = PredictionLog(settings)
        admission = Admission(settings)
        inference = Inference(log, build().image, admission.threads)
        mirror = Mirror(store) if isinstance(store, CachedStore) else None
        return cls(settings, store, registry, log, admission, inference, mirror)

    def ready_model(self) -> LoadedModel:
        """Return the default model, if requests can be answered now.

        Raises
        ------
        ApiError
            The API is stopping, the log cannot be written, or `DEFAULT_MODEL` is not served.
        """
        if self.is_stopping:
            raise StoppingError("The API is stopping: it finishes what it has taken in.")
        if self.log.problem:
            raise LogWriteError(self.log.problem)
        try:
            return self.registry.live(self.settings.default_model)
        except NotFoundError as error:
            raise NotPublishedError(
                f"DEFAULT_MODEL is not served. {error} Publish it, or set DEFAULT_MODEL to another."
            ) from error


def state_of(request: Request) -> State:
    """Return the state of the application that a request has come to."""
    state: State = request.app.state.labloop
    return state
