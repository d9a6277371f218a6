"""Refusals: versions that were tried and not loaded, and why."""

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from service.api.metrics.metrics import metrics
from service.contract.errors import LabloopError, NotPublishedError
from service.contract.model.store import ModelStore
from service.contract.text import sentence

logger = logging.getLogger("uvicorn.error")


@dataclass(frozen=True)
class Refusal:
    """A version that was tried and not loaded; None is the alias file itself."""

    version: int | None
    reason: str
    time: datetime = field(default_factory=lambda: datetime.now(UTC))


class Refusals:
    """The refusals of all models, one a version.

    Examples
    --------
    >>> refusals = Refusals()
    >>> refusals.add("iris", 3, "Its files are damaged.")
    >>> [refusal.version for refusal in refusals.of("iris")]
    [3]
    """

    def __init__(self) -> None:
        self._by_model: dict[str, dict[int | None, Refusal]] = {}
        self._lock = threading.Lock()

    def add(self, name: str, version: int | None, reason: str) -> None:
        """Keep a refusal, and say it."""
        with self._lock:
            self._by_model.setdefault(name, {})[version] = Refusal(version, reason)
        metrics.refusals.labels(name).inc()
        logger.warning("Model %s: version %s is refused: %s", name, version, reason)

    def of(self, name: str) -> list[Refusal]:
        """List a model's refusals, the newest last."""
        with self._lock:
            refused = [*self._by_model.get(name, {}).values()]
        return sorted(refused, key=lambda refusal: refusal.time)

    def about(self, name: str, version: int | None) -> Refusal | None:
        """Return the refusal of one version, if there is one."""
        return self._by_model.get(name, {}).get(version)

    def forget(self, name: str, versions: Iterable[int | None]) -> None:
        """Drop the refusals of some versions, which were loaded or deleted."""
        with self._lock:
            known = self._by_model.get(name, {})
            for version in versions:
                known.pop(version, None)

    def forget_model(self, name: str) -> None:
        """Drop a model's refusals."""
        with self._lock:
            self._by_model.pop(name, None)

    def models(self) -> list[str]:
        """List the models that have refusals."""
        with self._lock:
            return [*self._by_model]


def reason(error: Exception) -> str:
    """Say why something failed; an error that is not ours says what it is, too.

    The text may be a model's own: it is cut, and made such that any response can hold it.
    """
    text = str(error) if isinstance(error, LabloopError) else f"{type(error).__name__}: {error}"
    return sentence(text, longest=2000, keep="\n")


def why_not_served(store: ModelStore, refusals: Refusals, name: str) -> LabloopError:
    """Return the error that says why a model has nothing to serve, and what to do."""
    names = store.names()
    if name not in names and store.trouble is not None:
        return NotPublishedError(f"Model {name!r} is not here. {store.trouble}")
    if not names:
        return NotPublishedError(
            "No model is published yet. Run notebooks/02_train.ipynb to publish one."
        )
    versions = store.versions(name)
    if name not in names or not versions:
        try:
            store.check(name, 1)
        except LabloopError as error:
            return error
    reasons = [store.problem(name), *(each.reason for each in refusals.of(name)[-1:])]
    for why in filter(None, reasons):
        return NotPublishedError(f"Model {name!r} has nothing to serve. {why}")
    return NotPublishedError(
        f"Model {name!r} has no live version. Choose one in a notebook: "
        f"lab.promote({name!r}, {versions[-1]})."
    )
