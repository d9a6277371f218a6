"""Lane: the small requests to one model version, answered together.

While one batch is computed, the next collects: nobody waits for a timer, and
the more there is to do, the larger the batches are.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from starlette.concurrency import run_in_threadpool

from service.contract.signature import Columns

BATCH = 64  # requests


@dataclass(slots=True)
class Question:
    """Checked columns of one request, and who asks."""

    columns: Columns
    rows: int
    client: str
    began: float = field(default_factory=perf_counter)


Compute = Callable[[list[Question]], list[Any]]
"""Gives an answer a question, or the exception that is its answer."""


class Lane:
    """Questions in a row.

    Parameters
    ----------
    compute : callable
    inline : bool
        Whether it is so quick that the event loop may do it itself; else a thread does.
    """

    def __init__(self, compute: Compute, inline: bool) -> None:
        self._compute = compute
        self._inline = inline
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
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            questions = [question for question, _ in batch]
            try:
                if self._inline:
                    answers = self._compute(questions)
                else:
                    answers = await run_in_threadpool(self._compute, questions)
            except Exception as error:  # a fault of ours: everybody who waits hears of it
                answers = [error] * len(batch)
            for (_, future), answer in zip(batch, answers, strict=True):
                if future.done():  # whoever asked is gone
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
        self._task = None
