"""Shipper: brings what is sealed to an object store, and then deletes it here.

Of all workers that share a folder, one ships. It also hears when a reader wants all that was logged
up to now, and says in the store what it has not shipped yet.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from zlib import crc32

from service.api.log.chores import Chores
from service.api.log.log_disk import LogDisk
from service.api.metrics.metrics import metrics
from service.api.processes.lifeline import SHIP_SECONDS
from service.contract.errors import ObjectExistsError, ObjectMissingError, StoreError
from service.contract.files import open_regular, read_regular
from service.contract.log.archive import STATE, WANTED, LogState, read_wish, write_state
from service.contract.log.segment import TORN, sealed_name
from service.contract.objects.objects import PART_BYTES, Objects

POLL_SECONDS = 1.0  # between questions whether a reader wants all
NEAR_SECONDS = 0.1  # between looks whether the workers have sealed what a reader wants
TELL_SECONDS = 10.0  # between reports of how many lines are on the disk
LIFE_SECONDS = 60.0  # between reports of nothing new
PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)  # between tries while the store cannot be used
HELD_SECONDS = 60.0  # between tries of a segment that the archive has with another content
START_SECONDS = 5.0

logger = logging.getLogger("uvicorn.error")


class Shipper:
    """Ships the segments of one log.

    Parameters
    ----------
    url : str
        `ARCHIVE_URL`.
    folder : Path
        Where the segments are.
    wake : callable
        Has this worker's log look at once whether it is to be sealed.

    Raises
    ------
    SettingError
        It is no such URL.
    """

    def __init__(self, url: str, folder: Path, wake: Callable[[], None]) -> None:
        self.url = url
        self.disk = LogDisk(folder)
        self._objects = Objects.at(url)
        self._wake = wake
        self._chores = Chores(f"Archive of the prediction log in {folder}")
        self._held: dict[Path, tuple[Exception, float]] = {}  # what stays here, until when
        self._damaged: set[Path] = set()  # said once
        self._etag = ""  # of the last wish
        self._asked = self._wish = 0  # heard, and fulfilled
        self._wanted: set[str] = set()  # segments that are to be shipped for it
        self._heard = -POLL_SECONDS
        self._told: LogState | None = None
        self._told_at = 0.0
        self._has_begun = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)

    def report(self) -> dict[str, Any]:
        """Say where segments go, how many wait here, and what this worker found to be wrong."""
        waiting = len(self.disk.due())
        return {"url": self.url, "waiting": waiting, "problem": self._chores.problem}

    def start(self) -> None:
        """Ship from now on. It is said in the store, before a line is written, if it answers."""
        self._thread.start()
        self._has_begun.wait(START_SECONDS)

    def stop(self) -> None:
        """Ship the rest; what cannot be shipped in `SHIP_SECONDS` waits for the next API."""
        self._stopping.set()
        self._thread.join(SHIP_SECONDS)
        if left := len(self.disk.due()):
            logger.warning(
                "%d segments in %s are not archived in %s yet. The next API that has this folder "
                "does it.",
                left,
                self.disk.folder,
                self.url,
            )

    def _run(self) -> None:
        failures = 0
        pause = 0.0
        while not self._stopping.wait(pause):
            failures = 0 if self._chores.do(self._round) else failures + 1
            self._chores.do(self._name_held)
            pause = NEAR_SECONDS if self._wanted else POLL_SECONDS
            if failures:
                pause = PAUSES[min(failures, len(PAUSES)) - 1]
            self._has_begun.set()
        deadline = time.monotonic() + SHIP_SECONDS
        while not self._chores.do(self._round) and time.monotonic() < deadline:
            time.sleep(NEAR_SECONDS)
        metrics.archive_waiting.set(0)
        self.disk.leave()

    def _round(self) -> None:
        is_last = self._stopping.is_set()
        if not self.disk.lead():
            metrics.archive_waiting.set(0)
            self._told = None
            if is_last and self.disk.due():
                raise StoreError("another worker still ships.")
            return
        if not is_last:
            self._hear()
        self._ship()
        self._tell(ended=is_last and not self.disk.waiting())

    def _hear(self) -> None:
        """Ask whether a reader wants all; then have all workers seal."""
        if time.monotonic() - self._heard < POLL_SECONDS:
            return
        found = self._objects.get_if_new(WANTED, self._etag)
        self._heard = time.monotonic()
        if found is not None:
            self._etag, self._asked = found.etag, read_wish(found.content)
            self._wanted = {*self.disk.waiting()}
            self.disk.call()
            self._wake()

    def _ship(self) -> None:
        self.disk.tidy()
        due = self.disk.due()
        metrics.archive_waiting.set(len(due))
        if due:
            # First: who finds a segment in the archive, and not the one before it, can see why.
            self._tell()
        self._held = {file: held for file, held in self._held.items() if file in due}
        for number, file in enumerate(due, 1):
            if file in self._held and time.monotonic() < self._held[file][1]:
                continue
            try:
                self._ship_one(file)
                self._held.pop(file, None)
            except (OSError, ObjectExistsError) as error:
                self._held[file] = error, time.monotonic() + HELD_SECONDS
            metrics.archive_waiting.set(len(due) - number + len(self._held))

    def _ship_one(self, file: Path) -> None:
        """Write a segment, unless it is there; delete it here when it was read back as it is."""
        key = f"{self.disk.log}/{file.name}"
        if file.stat().st_size <= PART_BYTES:
            with suppress(ObjectExistsError):
                self._objects.create(key, read_regular(file, PART_BYTES))
        else:
            try:
                self._objects.head(key)
            except ObjectMissingError:
                self._objects.put(key, file)  # in parts, which know no condition
        checksum = self._compare(key, file)
        is_sealed = not file.name.endswith(TORN)
        if is_sealed and sealed_name(file, checksum) != file and file not in self._damaged:
            self._damaged.add(file)
            logger.warning("Segment %s is not what was sealed. It is archived as it is.", file)
        self.disk.forget(file)
        metrics.archived_segments.inc()

    def _compare(self, key: str, file: Path) -> int:
        """Compare a segment with what the archive has, and return its checksum."""
        checksum, is_same = 0, True
        with open_regular(file) as opened:
            for part in self._objects.parts(key):
                is_same = is_same and opened.read(len(part)) == part
                checksum = crc32(part, checksum)
            is_same = is_same and not opened.read(1)
        if not is_same:
            raise ObjectExistsError(
                f"{self.url}/{key} is there already, and is not what {file} holds. Both are kept: "
                "compare them, and take one away."
            )
        return checksum

    def _name_held(self) -> None:
        """Raise what keeps segments here."""
        if self._held:
            errors = [error for error, _ in self._held.values()]
            raise ExceptionGroup("segments that cannot be archived", errors)

    def _tell(self, ended: bool = False) -> None:
        """Say what is on the disk: at once if segments come or go, else from time to time."""
        waiting = self.disk.waiting()
        if not self._wanted & waiting.keys():
            self._wish, self._wanted = self._asked, set()
        state: LogState = {
            "replica": socket.gethostname(),
            "waiting": waiting,
            "shipped": self.disk.shipped(),
            "wish": self._wish,
            "ended": ended,
        }
        pause = 0.0
        if self._told is not None and _outline(self._told) == _outline(state):
            pause = LIFE_SECONDS if self._told == state else TELL_SECONDS
        if time.monotonic() - self._told_at < pause:
            return
        self._objects.put(f"{self.disk.log}/{STATE}", write_state(state))
        self._told, self._told_at = state, time.monotonic()


def _outline(state: LogState) -> tuple[object, ...]:
    """Return a state without its numbers of lines."""
    return (state["waiting"].keys(), state["shipped"], state["wish"], state["ended"])
