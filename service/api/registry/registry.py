"""Registry: the models in the API's memory, kept in step with the model store."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime

from service.api.metrics.metrics import metrics
from service.api.processes import strikes
from service.api.processes.descriptors import is_shortage
from service.api.processes.family import family_folder
from service.api.processes.worker_reports import Seen, WorkerReports
from service.api.registry import validation_process
from service.api.registry.alias_files import AliasFiles
from service.api.registry.beside import Beside
from service.api.registry.loaded_model import LoadedModel
from service.api.registry.refusals import Refusals, reason, why_not_served
from service.contract.errors import ArtifactError, LabloopError, NotPublishedError, StoreError
from service.contract.model import checksums
from service.contract.model.aliases import Aliases
from service.contract.model.store import ModelStore

POLL_SECONDS = 0.1
LOADED_AT_ONCE = 8  # a version whose validation hangs holds up no other model

logger = logging.getLogger("uvicorn.error")


class Registry:
    """Loads what the store calls live, and versions that are asked for by number.

    A thread polls the alias files (`AliasFiles`). A new version is validated in another process,
    then loaded beside the old one; one assignment puts it in the old one's place, so that
    requests keep the version that they started with. It ends early when the alias has moved on.

    A version whose predictions did not end is no longer served, see `Strikes`; the newest of those
    before it takes its place, until it is promoted again.

    Parameters
    ----------
    store : ModelStore
    reports : WorkerReports
        Are told what came of each change.
    trial_seconds : float
    """

    def __init__(self, store: ModelStore, reports: WorkerReports, trial_seconds: float) -> None:
        self.store = store
        self.reports = reports
        self.trial_seconds = trial_seconds
        self._strikes = strikes.Strikes(family_folder())
        self._out: frozenset[str] = frozenset()
        self._live: dict[str, LoadedModel] = {}
        self._seen: dict[str, Aliases] = {}
        self._alias_files = AliasFiles(store.root)
        self._failed: set[str] = set()  # models that are looked at again
        self.refusals = Refusals()
        self._beside = Beside(self._load_beside)
        self._following: dict[str, Future[None]] = {}
        self._changing = threading.RLock()
        self._trouble: str | None = None  # with the store as a whole; said once
        self._stop = threading.Event()
        self._loaders = ThreadPoolExecutor(LOADED_AT_ONCE, "loader")
        self._thread = threading.Thread(target=self._poll, name="registry", daemon=True)

    def start(self) -> None:
        """Load what is live, then keep in step in the background."""
        self.reports.start()
        self.refresh()
        while wait(self._following.values(), 1).not_done:
            self.reports.beat()
        self.reports.serve()
        self._thread.start()

    def stop(self) -> None:
        """Stop polling, and break off what is being loaded."""
        self._stop.set()
        self._thread.join()
        self._loaders.shutdown(cancel_futures=True)
        self._beside.stop()
        self.reports.stop()

    async def get(self, name: str, version: int | None = None) -> LoadedModel:
        """Return the live version, or one by its number; that is loaded if it is not.

        Raises
        ------
        ApiError
            There is no such version, or it cannot be served.
        """
        if version is None:
            return self.live(name)
        return await asyncio.shield(asyncio.wrap_future(self.version(name, version)))

    def live(self, name: str) -> LoadedModel:
        """Return the live version.

        Raises
        ------
        NotFoundError
            There is no such model.
        NotPublishedError
            There is nothing to serve, and the text says why.
        """
        model = self.serving(name)
        if model is None:
            raise why_not_served(self.store, self.refusals, name)
        return model

    def serving(self, name: str) -> LoadedModel | None:
        """Return the live version, if there is one."""
        return self._live.get(name)

    def all_live(self) -> list[LoadedModel]:
        """List what is served, in the order of the models' names."""
        return [model for _, model in sorted(self._live.items())]

    def live_since(self, name: str) -> datetime | None:
        """Say when the version that is served went live, by the alias file; None if not known."""
        serving, aliases = self._live.get(name), self._seen.get(name)
        if serving is None or aliases is None or serving.version != aliases.live:
            return None
        return aliases.live_since

    def version(self, name: str, version: int) -> Future[LoadedModel]:
        """Return a version by number; one that is not live is loaded on demand.

        The future raises NotPublishedError if it cannot be served; the text says why.

        Raises
        ------
        NotFoundError
            There is no such model or version.
        """
        live = self._live.get(name)
        if live is not None and live.version == version:
            found: Future[LoadedModel] = Future()
            found.set_result(live)
            return found
        self.store.check(name, version)
        return self._beside.get(name, version)

    def refresh(self) -> None:
        """Look once for aliases that changed, and begin to load what they call live."""
        names, changed = self._alias_files.look()
        self._out = self._strikes.out()
        if self._out:
            self._beside.drop_if(self._is_out)
            changed |= {n for n, model in [*self._live.items()] if self._is_out(model)}
        due, self._failed = changed | self._failed | self._following.keys(), set()
        for name in names & due:
            try:
                self._look(name)
            except Exception:
                self._failed.add(name)
                logger.exception("Model %s could not be looked at; it is tried again.", name)
        with self._changing:
            busy = {name for name, following in self._following.items() if not following.done()}
            gone = {*self._seen, *self._following, *self.refusals.models()} - names - busy
            for name in gone:
                self._following.pop(name, None)
                self._live.pop(name, None)
                self._seen.pop(name, None)
                self.refusals.forget_model(name)
                self._beside.drop_model(name)
                metrics.live_version.labels(name).set(0)
            if gone:
                self._tell()

    def _poll(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            try:
                self.refresh()
                self.reports.beat()
                self._trouble = None
            except Exception as error:
                if self._trouble != str(error):
                    self._trouble = str(error)
                    logger.exception("The model store could not be looked at; it is tried again.")

    def _look(self, name: str) -> None:
        following = self._following.get(name)
        if following is not None:
            if not following.done():
                return
            del self._following[name]
            following.result()  # a fault of ours is raised again here
        try:
            aliases = self.store.aliases(name)
        except LabloopError as error:
            if is_shortage(error):
                raise
            if self.refusals.about(name, None) is None:
                self.refusals.add(name, None, reason(error))
            return
        if aliases != self._seen.get(name) or self._is_out(self._live.get(name)):
            self._following[name] = self._loaders.submit(self._follow, name, aliases)

    def _follow(self, name: str, aliases: Aliases) -> None:
        """Do what a model's aliases say."""
        version = self._not_out(name, aliases)
        if self._is_out(self._live.get(name)):
            del self._live[name]
        serving, loaded = self._live.get(name), None
        refused = None
        if version is not None and (serving is None or serving.version != version):
            try:
                loaded = self._load(name, version, lambda: self._wants(name, aliases.live))
            except validation_process.NotWantedError:
                return  # the next look finds what is wanted
            except Exception as error:
                if is_shortage(error):
                    raise  # no fault of the version: the next look tries again
                refused = reason(error)
        with self._changing:
            if refused is not None:
                self.refusals.add(name, version, refused)
            elif version is None:
                self._live.pop(name, None)
            elif loaded is not None:
                self._live[name] = loaded
                self._beside.drop(name, version)
                metrics.reloads.labels(name).inc()
                logger.info("Model %s: version %s is live.", name, version)
            self.refusals.forget(name, [None, *aliases.deleted])  # the alias file is readable
            if refused is None:
                self.refusals.forget(name, [version])
            for each in aliases.deleted:
                self._beside.drop(name, each)
            self._seen[name] = aliases
            live = self._live.get(name)
            metrics.live_version.labels(name).set(0 if live is None else live.version)
            self._tell()

    def _not_out(self, name: str, aliases: Aliases) -> int | None:
        """Return the live version; if its predictions do not end, refuse it and return another."""
        seen, live = self._seen.get(name), aliases.live
        if seen is not None and seen.generation != aliases.generation and live is not None:
            self._strikes.forgive(self._label(name, live))
        out = self._strikes.out()
        for version in filter(None, [live, *reversed(aliases.history)]):
            if self._label(name, version) not in out:
                return version
            self.refusals.add(name, version, strikes.reason(name, version))
        return None

    def _label(self, name: str, version: int) -> str:
        try:
            return strikes.label(name, version, self._digest(name, version))
        except (LabloopError, OSError):
            return ""  # to load it says what is wrong

    def _digest(self, name: str, version: int) -> str:
        return checksums.digest(self.store.folder(name, version))

    def _is_out(self, model: LoadedModel | None) -> bool:
        return model is not None and model.label.decode() in self._out

    def _wants(self, name: str, version: int | None) -> bool:
        """Whether a version that is being validated is still to go live."""
        try:
            return not self._stop.is_set() and self.store.aliases(name).live == version
        except LabloopError:
            return True  # the alias file is damaged; what it said last holds

    def _tell(self) -> None:
        self.reports.tell({name: self._made_of(name, seen) for name, seen in self._seen.items()})

    def _made_of(self, name: str, aliases: Aliases) -> Seen:
        live = self._live.get(name)
        return {
            "generation": aliases.generation,
            "version": None if live is None else live.version,
            "refused": {str(r.version): r.reason for r in self.refusals.of(name)},
        }

    def _load(self, name: str, version: int, wanted: Callable[[], bool]) -> LoadedModel:
        self.store.fetch(name, version)
        passed = validation_process.run(self.store.root, name, version, self.trial_seconds, wanted)
        return LoadedModel.of(passed, name, version, self._digest(name, version))

    def _load_beside(self, name: str, version: int) -> LoadedModel:
        refused = self.refusals.about(name, version)
        try:
            if refused is not None:  # a version never changes, so neither does this
                raise ArtifactError(refused.reason)
            if self._label(name, version) in self._strikes.out():
                raise ArtifactError(strikes.reason(name, version))
            return self._load(name, version, lambda: not self._stop.is_set())
        except Exception as error:  # whatever a user's estimator raises
            if is_shortage(error) or isinstance(error, StoreError):
                raise  # no fault of the version
            self.store.check(name, version)  # it may have been deleted meanwhile
            if refused is None:
                self.refusals.add(name, version, reason(error))
            raise NotPublishedError(
                f"Version {version} of model {name!r} cannot be served: {reason(error)}"
            ) from error
