"""Bench: a store and an API for one part of the table, and how long it is measured."""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

from benchmarks.load import Load, Measured, measure
from benchmarks.peers import plain
from service.contract.model.store import ModelStore
from service.lab.publish.publication import Publication
from tests.support.live import LiveApi, running_api

QUERY = urlencode(dict(zip(plain.FLOWER, (5.1, 3.5, 1.4, 0.2), strict=True)))
FLOWER = dict(zip(plain.FLOWER, (5.1, 3.5, 1.4, 0.2), strict=True))


@dataclass(frozen=True)
class Bench:
    """Where a part is measured, and how thoroughly.

    Parameters
    ----------
    folder : Path
        An empty one; the API's models and log are in it.
    seconds : float
        How long each load lasts.
    rounds : int
        How often what is compared is measured, in turns.
    share : float
        Of what the table says of how many models, requests or rows; for a trial run.
    soak : bool
        Whether to measure what takes more than a quarter of an hour, too.
    """

    folder: Path
    seconds: float = 4.0
    rounds: int = 3
    share: float = 1.0
    soak: bool = False

    @property
    def store(self) -> ModelStore:
        return ModelStore(self.folder / "models")

    def some(self, count: int, least: int = 2) -> int:
        """Return how many there are to be, of so many in the table."""
        return max(least, round(count * self.share))

    def api(self, **environment: str) -> AbstractContextManager[LiveApi]:
        """Run an API that serves this store."""
        return running_api(self.folder, **environment)

    def publish(self, name: str, trained: plain.Trained, count: int = 1) -> list[int]:
        """Publish versions, and make the first of them live."""
        versions = [Publication(name, *trained).write(self.store) for _ in range(count)]
        self.store.promote(name, versions[0])
        return versions

    def fill(self, count: int) -> list[str]:
        """Publish forests until the store has so many models; return the names of all."""
        names = [f"iris-{number}" for number in range(count)]
        for name in names:
            folder = self.store.root / name
            if name == names[0] and not folder.exists():
                self.publish(name, plain.forest())
            elif not folder.exists():
                shutil.copytree(self.store.root / names[0] / "1", folder / "1")
                self.store.promote(name, 1)
        return names

    def load(
        self,
        urls: str | list[str],
        body: Any = None,
        connections: int = 16,
        seconds: float | None = None,
    ) -> Measured:
        """Ask one URL, or several in turn.

        Raises
        ------
        RuntimeError
            A request failed, so what was measured is not what was meant.
        """
        asked = [urls] if isinstance(urls, str) else urls
        text = None if body is None else json.dumps(body)
        found = measure(Load(asked, text, connections, seconds or self.seconds))
        if found.failed or not found.answered:
            raise RuntimeError(f"Of {asked[0]}, {found.failed} requests failed: {found}")
        return found

    def in_turns(self, *sides: Callable[[], Measured]) -> list[list[Measured]]:
        """Measure in turns, so that a busy moment of the machine meets all."""
        rounds = [[side() for side in sides] for _ in range(self.rounds)]
        return [list(side) for side in zip(*rounds, strict=True)]


def middle(measured: list[Measured], what: str = "rate") -> float:
    """Return the median of what was measured in turns."""
    return float(median(getattr(each, what) for each in measured))


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0))
