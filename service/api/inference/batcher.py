"""Batcher: the small requests to one model version, predicted together.

While one batch is computed, the next collects: nobody waits for a timer, and
the more there is to do, the larger the batches are.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

from anyio import CapacityLimiter, to_thread

from service.api.registry.loaded_model import LoadedModel
from service.contract.signature.signature import Columns


@dataclass(slots=True)
class PendingRequest:
    """A model, the checked columns of one request, and who asks."""

    model: LoadedModel
    columns: Columns
    client: str
    rows: int = 0
    began: float = field(default_factory=perf_counter)

    def __post_init__(self) -> None:
        self.rows = len(self.columns[self.model.signature.names[0]])


Compute = Callable[[list[PendingRequest]], list[Any]]
"""Returns a result for each pending request, or the exception that is its result."""

Tell = Callable[[Any], None]
"""Gets the result of a request, or the exception that is its result."""


class Batcher:
    """Pending requests in a row.

    Parameters
    ----------
    compute : callable
    inline : bool
        Whether it is so quick that the event loop may do it itself; else a thread does.
    rows : int
        The most rows that a batch of several requests has.
    """

    def __init__(self, compute: Compute, inline: bool, rows: int) -> None:
        self._compute = compute
        self._inline = inline
        self._rows = rows
        self._thread = CapacityLimiter(1)  # its own, whatever else keeps threads busy
        self._waiting: list[tuple[PendingRequest, Tell]] = []
        self._is_due = False
        self._task: asyncio.Task[None] | None = None

    def add(self, pending: PendingRequest, tell: Tell) -> None:
        """Have a request computed; `tell` gets its result on the event loop."""
        self._waiting.append((pending, tell))
        if self._is_due:
            return
        self._is_due = True
        loop = asyncio.get_running_loop()
        if self._inline:
            loop.call_soon(self._serve_inline)  # after the handlers that are ready now
        else:
            self._task = loop.create_task(self._serve())

    async def ask(self, pending: PendingRequest) -> Any:
        """Wait for the result of a request."""
        future = asyncio.get_running_loop().create_future()
        self.add(pending, partial(_settle, future))
        return await future

    def _serve_inline(self) -> None:
        batch = self._next()
        try:
            results = self._compute([pending for pending, _ in batch])
        except Exception as error:  # a fault of ours: everybody who waits hears of it
            results = [error] * len(batch)
        self._is_due = bool(self._waiting)
        if self._is_due:  # the responses go out before the next batch
            asyncio.get_running_loop().call_soon(self._serve_inline)
        _tell_all(batch, results)

    async def _serve(self) -> None:
        while self._waiting:
            batch = self._next()
            requests = [pending for pending, _ in batch]
            try:
                results = await to_thread.run_sync(self._compute, requests, limiter=self._thread)
            except Exception as error:  # as above
                results = [error] * len(batch)
            _tell_all(batch, results)
        self._is_due = False

    def _next(self) -> list[tuple[PendingRequest, Tell]]:
        """Take as many requests as one batch may have, at least one."""
        count, rows = 0, 0
        for pending, _ in self._waiting:
            rows += pending.rows
            if count and rows > self._rows:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch


def _tell_all(batch: list[tuple[PendingRequest, Tell]], results: list[Any]) -> None:
    for (_, tell), result in zip(batch, results, strict=True):
        try:
            tell(result)
        except Exception as error:  # a fault of ours, for which the others do not wait
            context = {"message": "A result could not be told.", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)


def _settle(future: asyncio.Future[Any], result: Any) -> None:
    if future.done():  # whoever asked is gone
        return
    if isinstance(result, StopIteration):  # which no future takes
        future.set_exception(RuntimeError(repr(result)))
    elif isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
