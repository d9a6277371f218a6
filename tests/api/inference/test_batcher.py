"""Small requests that arrive during a batch form the next batch."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from service.api.inference.batcher import Batcher


def pending(number: int, rows: int = 1) -> Any:
    return SimpleNamespace(number=number, rows=rows)


def test_requests_during_a_batch_form_another() -> None:
    batches: list[list[int]] = []
    first_is_there, go_on = threading.Event(), threading.Event()

    def compute(batch: list[Any]) -> list[int]:
        batches.append([each.number for each in batch])
        first_is_there.set()
        assert go_on.wait(30)
        return [each.number * 10 for each in batch]

    async def ask() -> list[int]:
        batcher = Batcher(compute, inline=False, rows=100)
        asked = [asyncio.create_task(batcher.ask(pending(0)))]
        await asyncio.to_thread(first_is_there.wait, 30)
        asked += [asyncio.create_task(batcher.ask(pending(number))) for number in range(1, 6)]
        await asyncio.sleep(0)  # the batch are in the batcher
        go_on.set()
        return [await each for each in asked]

    assert asyncio.run(ask()) == [0, 10, 20, 30, 40, 50]
    assert batches == [[0], [1, 2, 3, 4, 5]]


@pytest.mark.parametrize("inline", [True, False])
def test_a_batch_has_bounded_rows(inline: bool) -> None:
    batches: list[list[int]] = []

    def compute(batch: list[Any]) -> list[int]:
        batches.append([each.rows for each in batch])
        return [each.number for each in batch]

    async def ask() -> list[Any]:
        batcher = Batcher(compute, inline, rows=10)
        sizes = [4, 4, 4, 20, 1, 9, 1]
        return await asyncio.gather(*(batcher.ask(pending(n, r)) for n, r in enumerate(sizes)))

    assert asyncio.run(ask()) == [*range(7)]
    assert batches == [[4, 4], [4], [20], [1, 9], [1]]


@pytest.mark.parametrize("inline", [True, False])
def test_a_fault_fails_one_batch(inline: bool) -> None:
    def compute(batch: list[Any]) -> list[Any]:
        if any(each.number == 3 for each in batch):
            raise OSError("all who wait hear of it")
        return [ValueError(each.number) if each.number == 1 else "ok" for each in batch]

    async def ask() -> list[Any]:
        batcher = Batcher(compute, inline, rows=3)
        asked = [batcher.ask(pending(number)) for number in range(3)]
        first = await asyncio.gather(*asked, return_exceptions=True)
        with pytest.raises(OSError, match="hear of it"):
            await batcher.ask(pending(3))
        return [*first, await batcher.ask(pending(4))]

    before, fault, after, later = asyncio.run(ask())
    assert (before, after, later) == ("ok", "ok", "ok")
    assert isinstance(fault, ValueError)


def test_cancelled_requests_hold_up_nobody() -> None:
    go_on = threading.Event()

    def compute(batch: list[Any]) -> list[str]:
        assert go_on.wait(30)
        return ["ok"] * len(batch)

    async def ask() -> str:
        batcher = Batcher(compute, inline=False, rows=10)
        leaves, stays = (asyncio.create_task(batcher.ask(pending(n))) for n in range(2))
        await asyncio.sleep(0)
        leaves.cancel()
        go_on.set()
        answer: str = await stays
        return answer

    assert asyncio.run(ask()) == "ok"


@pytest.mark.parametrize("inline", [True, False])
def test_who_cannot_be_told_is_alone(inline: bool) -> None:
    faults: list[dict[str, Any]] = []

    def compute(batch: list[Any]) -> list[int]:
        return [each.number for each in batch]

    def refuse(result: Any) -> None:
        raise OSError("its connection is broken")

    async def ask() -> list[Any]:
        asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
        batcher = Batcher(compute, inline, rows=10)
        batcher.add(pending(0), refuse)
        return [await batcher.ask(pending(1)), await batcher.ask(pending(2))]

    assert asyncio.run(ask()) == [1, 2]
    (fault,) = faults
    assert isinstance(fault["exception"], OSError)
