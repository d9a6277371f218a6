"""Clients that ask all the time, and what of it is in the log."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import httpx

from service.contract.log.line import is_whole
from tests.support.live import PLAIN, wait_until
from tests.support.log_lines import logged_ids, segments
from tests.support.models import FLOWER
from tests.support.soak import times

PAUSE = times(0, 10) / 1000  # seconds, so that workers start meanwhile


@dataclass
class Clients:
    """Ask all the time, begin again where a connection breaks, and keep the ids of all answers."""

    url: str = ""
    count: int = 6
    ids: list[str] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    stop: bool = False

    async def _ask(self, number: int) -> None:
        rows = {"rows": [FLOWER] * (1 + 7 * (number % 3))}
        while not self.stop:
            url = self.url
            try:
                async with httpx.AsyncClient(base_url=url, **PLAIN, timeout=30) as http:
                    while not self.stop and self.url == url:
                        await self._ask_once(http, rows if number % 2 else None)
            except httpx.TransportError:
                await asyncio.sleep(0.02)  # nobody is there just now

    async def _ask_once(self, http: httpx.AsyncClient, rows: Any) -> None:
        if rows is None:
            response = await http.get("/predict", params=FLOWER)
            answered = [response.headers.get("X-Prediction-Id", "")]
        else:
            response = await http.post("/models/iris/predict", json=rows)
            answered = response.json().get("ids", [])
        if response.is_success:
            self.ids += answered
            await asyncio.sleep(PAUSE)
        else:
            self.refused.append(response.status_code)
            await asyncio.sleep(0.01)

    async def _run(self) -> None:
        await asyncio.gather(*map(self._ask, range(self.count)))

    def __enter__(self) -> "Clients":
        self._thread = Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop = True
        self._thread.join()

    def wait_for_more(self, count: int = 50) -> None:
        enough = len(self.ids) + count
        wait_until(lambda: len(self.ids) >= enough, "answers")


def check_whole(logs: Path) -> list[str]:
    """Check that all lines of the log are whole; return the ids in it, each once."""
    for segment in segments(logs):
        *lines, _ = segment.read_bytes().split(b"\n")
        assert all(map(is_whole, lines)), segment
    ids = logged_ids(logs)
    assert len(set(ids)) == len(ids)
    return ids
