"""Report objects: the reports of all workers that share an object store, and no disk.

A thread talks to the store, so that nothing here waits for it. There are no locks: who has said
nothing for a while is stuck, and later gone. Ages are differences between times that the store
gave, and no two clocks need to agree.
"""

import logging
import threading
import time
from collections.abc import Iterator

from service.contract.errors import ObjectMissingError, StoreError

PREFIX = "replicas/"  # below STORE_URL
BEAT_SECONDS = 5.0
STUCK_SECONDS = 20.0  # without a beat
GONE_SECONDS = 60.0
FORGOTTEN_SECONDS = 120.0
LOOK_SECONDS = 1.0  # between two looks, while somebody asks
ASKED_SECONDS = 10.0  # for which one question keeps the answers fresh
PATIENCE_SECONDS = 3.0  # of who asks first, and of who stops

logger = logging.getLogger("uvicorn.error")


class ReportObjects:
    """The objects of the reports, and among them this worker's own.

    Parameters
    ----------
    url : str
        `STORE_URL`.
    name : str
        Of this worker, in all replicas.
    """

    beat_seconds = 1.0  # of the worker; the store hears of it every `BEAT_SECONDS`

    def __init__(self, url: str, name: str) -> None:
        from service.contract.objects.objects import Objects  # most have no object store

        self.place = f"{url}/{PREFIX}"
        self._objects = Objects.at(url)
        self._key = f"{PREFIX}{name}.json"
        self._content = b""
        self._is_due = False  # the content is new
        self._touched, self._written, self._asked = 0.0, 0.0, 0.0
        self._known: list[tuple[str, bytes, str]] = []
        self._read: dict[str, tuple[str, bytes]] = {}  # by key, with the ETag
        self._forgotten: set[str] = set()
        self._trouble: str | None = None
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._looked = threading.Condition()
        self._looks = 0
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)

    def put(self, content: bytes) -> None:
        """Replace this worker's report, soon."""
        self._content, self._is_due, self._touched = content, True, time.monotonic()
        if not self._thread.is_alive():
            self._thread.start()
        self._wake.set()

    def touch(self) -> bool:
        """Show that this worker works."""
        self._touched = time.monotonic()
        return self._thread.is_alive()

    def others(self) -> Iterator[tuple[str, bytes, str]]:
        """Yield name, report and condition ("well", "stuck" or "gone") of each other worker."""
        is_fresh = time.monotonic() - self._asked < ASKED_SECONDS
        self._asked = time.monotonic()
        if not is_fresh and self._thread.is_alive():
            with self._looked:
                before = self._looks
                self._wake.set()
                self._looked.wait_for(lambda: self._looks > before, PATIENCE_SECONDS)
        yield from self._known

    def forget(self, name: str) -> None:
        """Clear away what a dead worker left, soon."""
        self._forgotten.add(f"{PREFIX}{name}.json")

    def remove(self) -> None:
        """Be counted no more."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(PATIENCE_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
            self._try_once()
        try:
            self._objects.delete(self._key)
        except StoreError as error:
            logger.warning("It is told as stuck for a minute: %s", error)

    def _try_once(self) -> None:
        try:
            self._write()
            if time.monotonic() - self._asked < ASKED_SECONDS:
                self._look()
            self._trouble = None
        except StoreError as error:
            if self._trouble is None:
                logger.warning(
                    "%s Until then other replicas do not know what this worker serves, nor it what "
                    "they do.",
                    error,
                )
            self._trouble = str(error)
        with self._looked:
            self._looks += 1
            self._looked.notify_all()

    def _write(self) -> None:
        works = self._touched > self._written  # a worker that hangs is to be told as stuck
        if self._is_due or (works and time.monotonic() - self._written > BEAT_SECONDS):
            self._is_due = False
            try:
                self._objects.put(self._key, self._content)
            except StoreError:
                self._is_due = True
                raise
            self._written = time.monotonic()
        while self._forgotten:
            self._objects.delete(self._forgotten.pop())

    def _look(self) -> None:
        entries = {entry.key: entry for entry in self._objects.list(PREFIX)}
        own = entries.pop(self._key, None)
        known = []
        for key, entry in sorted(entries.items()):
            age = 0.0
            if own is not None:
                age = (own.modified - entry.modified).total_seconds()
                age += time.monotonic() - self._written
            if age > FORGOTTEN_SECONDS:
                self._forgotten.add(key)
                continue
            if self._read.get(key, ("",))[0] != entry.etag:
                try:
                    self._read[key] = entry.etag, self._objects.get(key).content
                except ObjectMissingError:  # it stopped just now
                    continue
            condition = "gone" if age > GONE_SECONDS else "stuck" if age > STUCK_SECONDS else "well"
            name = key.removeprefix(PREFIX).removesuffix(".json")
            known.append((name, self._read[key][1], condition))
        self._known = known
        self._read = {key: read for key, read in self._read.items() if key in entries}
