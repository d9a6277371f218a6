"""Lane: the small requests to one model version, answered together.

While one batch is computed, the next collects: nobody waits for a timer, and
the more there is to do, the larger the batches are.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from anyio import CapacityLimiter, to_thread

from service.api.registry.loaded_model import LoadedModel
from service.contract.model.signature import Columns


@dataclass(slots=True)
class Question:
    """The model, checked columns of one request, and who asks."""

    model: LoadedModel
    columns: Columns
    client: str
    rows: int = 0
    began: float = field(default_factory=perf_counter)

    def __post_init__(self) -> None:
        self.rows = len(self.columns[self.model.manifest.signature.names[0]])


Compute = Callable[[list[Question]], list[Any]]
"""Gives an answer a question, or the exception that is its answer."""


class Lane:
    """Questions in a row.

    Parameters
    ----------
    compute : callable
    inline : bool
        Whether it is so quick that the event loop may do it itself; else a thread does.
    rows : int
        The most rows that a batch of several questions has.
    """

    def __init__(self, compute: Compute, inline: bool, rows: int) -> None:
        self._compute = compute
        self._inline = inline
        self._rows = rows
        self._thread = CapacityLimiter(1)  # its own, whatever else keeps threads busy
        self._waiting: list[tuple[Question, asyncio.Future[Any]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Any:
        """Wait for the answer to a question."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.append((question, future))
        if self._task is None:  # it begins after the handlers that are ready now
            self._task = loop.create_task(self._serve())
        return await future

    async def _serve(self) -> None:
        while self._waiting:
            batch = self._next()
            questions = [question for question, _ in batch]
            try:
                if self._inline:
                    answers = self._compute(questions)
                else:
                    answers = await to_thread.run_sync(
                        self._compute, questions, limiter=self._thread
                    )
            except Exception as error:  # a fault of ours: everybody who waits hears of it
                answers = [error] * len(batch)
            for (_, future), answer in zip(batch, answers, strict=True):
                if future.done():  # whoever asked is gone
                    continue
                if isinstance(answer, StopIteration):  # which no future takes
                    future.set_exception(RuntimeError(repr(answer)))
                elif isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
            if self._inline and self._waiting:
                await asyncio.sleep(0)  # the answers go out before the next batch
        self._task = None

    def _next(self) -> list[tuple[Question, asyncio.Future[Any]]]:
        """Take as many questions as one batch may have, at least one."""
        count, rows = 0, 0
        for question, _ in self._waiting:
            rows += question.rows
            if count and rows > self._rows:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch
