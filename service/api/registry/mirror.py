"""Mirror: keeps the copies of an object store's models in step with it."""

import logging
import threading
from concurrent.futures import Future, wait
from queue import SimpleQueue

from service.api.registry.refusals import reason
from service.contract.errors import StoreError
from service.contract.files import lock_file, lock_now, make_folder
from service.contract.model.remote.cached_store import CachedStore

POLL_SECONDS = 1.0
BROUGHT_AT_ONCE = 8  # a large version holds up no other model

logger = logging.getLogger("uvicorn.error")


class Mirror:
    """Brings what changed in the object store into `MODELS_DIR`, where the registry finds it.

    Of all processes that share the copies one does so, as long as it lives: it asks once a second
    for the list of the models' aliases, whose ETags say what changed. While the object store
    cannot be reached, what was copied serves on.

    Parameters
    ----------
    store : CachedStore
    """

    def __init__(self, store: CachedStore) -> None:
        self.store = store
        self._seen: dict[str, str] = {}
        self._bringing: dict[str, tuple[str, Future[None]]] = {}
        self._lead: int | None = None
        self._trouble: str | None = None
        self._stop = threading.Event()
        self._waiting: SimpleQueue[tuple[str, Future[None]]] = SimpleQueue()

    def start(self) -> None:
        """Bring everything that is live, or wait until another process has; then go on."""
        make_folder(self.store.root)
        for _ in range(BROUGHT_AT_ONCE):
            threading.Thread(target=self._bring, name="mirror", daemon=True).start()
        with lock_file(self.store.root / ".mirror-start.lock"):
            if self._leads():
                self._try_look()
                wait([future for _, future in self._bringing.values()])
                self._try_look()
        threading.Thread(target=self._poll, name="mirror", daemon=True).start()

    def stop(self) -> None:
        """Begin nothing more.

        What is being fetched is not waited for: it ends with the process, and so does the lock
        that keeps other processes from doing the same.
        """
        self._stop.set()

    def _poll(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            if self._leads():
                self._try_look()

    def _leads(self) -> bool:
        if self._lead is None:
            self._lead = lock_now(self.store.root / ".mirror.lock")
        return self._lead is not None

    def _try_look(self) -> None:
        try:
            self._look()
        except Exception as error:
            self._say(f"The copies in {self.store.root} could not be changed: {reason(error)}.")

    def _look(self) -> None:
        """Ask once what changed, and begin to bring it."""
        troubles = self._brought()
        known = {*self.store.names()}
        try:
            listed = self.store.models()
        except StoreError as error:
            troubles.append(str(error))
        else:
            for name, etag in listed.items():
                if name not in self._bringing and etag != self._seen.get(name):
                    self._bringing[name] = etag, Future()
                    self._waiting.put((name, self._bringing[name][1]))
            for name in known - {*listed, *self._bringing}:
                self.store.forget(name)
            self._seen = {name: etag for name, etag in self._seen.items() if name in listed}
        self.store.tell(troubles[0] if troubles else None)
        self._say(troubles[0] if troubles else None)

    def _bring(self) -> None:
        while True:
            name, future = self._waiting.get()
            try:
                self.store.bring(name)
            except Exception as error:
                future.set_exception(error)
            else:
                future.set_result(None)

    def _brought(self) -> list[str]:
        """Take note of what was brought since; return why something was not, to try it again."""
        troubles = []
        for name, (etag, future) in [*self._bringing.items()]:
            if not future.done():
                continue
            del self._bringing[name]
            error = future.exception()
            if error is None:
                self._seen[name] = etag
            elif isinstance(error, StoreError):
                troubles.append(str(error))
            else:
                troubles.append(f"Model {name!r} could not be copied: {error}")
                logger.error("Model %s could not be copied.", name, exc_info=error)
        return troubles

    def _say(self, trouble: str | None) -> None:
        """Say what is wrong, and that it is over, once each."""
        if trouble is not None and trouble != self._trouble:
            logger.error("%s What was copied serves on; it is tried again.", trouble)
        elif trouble is None and self._trouble is not None:
            logger.info("The object store %s is looked at again.", self.store.place)
        self._trouble = trouble
