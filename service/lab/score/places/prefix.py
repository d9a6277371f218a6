"""Prefix: a place below a URL in an object store, where a file is written by one request."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import TYPE_CHECKING
from uuid import uuid4

from service.contract.errors import (
    ObjectChangedError,
    ObjectExistsError,
    ObjectMissingError,
    StoreError,
)
from service.lab.score.places.place import LOCK, PART, refused, this_process

if TYPE_CHECKING:
    from service.contract.objects.objects import Objects

BEAT = 5.0  # seconds between two signs of life of a holder
DEAD = 20.0  # seconds without one after which it is taken for dead
LOOK = 0.5  # seconds between looks for one


@dataclass(frozen=True)
class Prefix:
    """What is below a URL; see `Place`.

    A holder that could not give a sign of life for long may be taken for dead while it is not. Then
    two processes write: the same files, since a place keeps to the scoring that began there.

    Parameters
    ----------
    url : str
        Such as ``s3://bucket/scores``.
    """

    url: str

    @cached_property
    def _objects(self) -> "Objects":
        from service.contract.objects.objects import Objects  # most have no object store

        return Objects.at(self.url)

    def __getstate__(self) -> dict[str, str]:
        return {"url": self.url}  # a connection is no other process's

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """The URL."""
        return self.url

    def check(self) -> None:
        """Refuse what is no such URL; raise `SettingError`."""
        _ = self._objects

    def contains(self, path: str) -> bool:
        """Whether a path is below the URL."""
        return path.startswith(f"{self.url}/")

    def names(self) -> Iterator[str]:
        """List what is there."""
        for entry in self._objects.list(""):
            yield entry.key.partition("/")[0]

    def paths(self, folder: str = "") -> list[str]:
        """List the URLs of its parts, or of those in a folder of it, by name."""
        home = f"{folder}/" if folder else ""
        keys = [entry.key for entry in self._objects.list(home)]
        return sorted(
            f"{self.url}/{key}"
            for key in keys
            if key.startswith(f"{home}{PART}") and key.count("/") == home.count("/")
        )

    def read(self, name: str) -> bytes | None:
        """Return what is in an object; None if there is none."""
        try:
            return self._objects.get(name).content
        except ObjectMissingError:
            return None

    def replace(self, name: str, content: bytes) -> None:
        """Write a small object."""
        self._objects.put(name, content)

    @contextmanager
    def held(self) -> Iterator[str]:
        """Keep others from writing there meanwhile; see `Place.held`.

        A holder gives signs of life. One that was killed gives none, so the next one waits for some
        seconds before it follows.
        """
        etag = self._taken()
        ended = Event()
        beating = Thread(target=self._beat, args=[etag, ended], name="labloop-hold", daemon=True)
        beating.start()
        try:
            yield uuid4().hex[:12]
        finally:
            ended.set()
            beating.join()

    def put(self, staging: str, name: str, write: Callable[[Path], None]) -> None:
        """Write a local file by a function, and send it."""
        with TemporaryDirectory(prefix="labloop-score-") as folder:
            file = Path(folder) / "part"
            write(file)
            self._objects.put(name, file)

    def needed_by_workers(self, staging: str) -> list[str]:
        """Name nothing: all processes reach the store."""
        return []

    def _taken(self) -> str:
        """Become the holder, and return the ETag of the lock."""
        seen, since = None, time.monotonic()
        while True:
            try:
                return self._objects.create(LOCK, this_process().encode())
            except ObjectExistsError:
                pass
            try:
                there = self._objects.get(LOCK)
                if seen is not None and there.etag != seen:
                    raise refused(self, there.content.decode(errors="replace"))
                seen = there.etag
                if time.monotonic() - since > DEAD:
                    return self._objects.replace(LOCK, this_process().encode(), there.etag)
            except ObjectMissingError:  # it was let go just now
                continue
            except ObjectChangedError as error:
                raise refused(self, "") from error
            time.sleep(LOOK)

    def _beat(self, etag: str, ended: Event) -> None:
        """Give signs of life until the end; then let go."""
        for beat in count(1):
            over = ended.wait(BEAT)
            try:
                if not over:
                    content = f"{this_process()}{beat}\n".encode()
                    etag = self._objects.replace(LOCK, content, etag)
                elif self._objects.get(LOCK).etag == etag:
                    self._objects.delete(LOCK)
            except (ObjectChangedError, ObjectMissingError):
                return  # another one took it
            except StoreError:
                if over:
                    return  # the next holder waits
            if over:
                return
