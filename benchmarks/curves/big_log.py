"""A large log, made by hand, and how long it takes to read it: in a process of its own."""

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from uuid import UUID
from zlib import crc32

import orjson
import pandas as pd

from benchmarks.peers.plain import FLOWER, forest
from service.contract.log.line import finish_line
from service.contract.log.segment import FOLDER, OPEN, SegmentName, sealed_name
from service.lab.log import reader as log_reader
from service.lab.log.copy import LogCopy
from tests.support.live import CHECKOUT

DAYS = 100
SEGMENT_BYTES = 64_000_000
START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
DAY = 50  # the one that is asked for
NOTE = b'{"note":"opened","details":{}}'
GROUPED = """
    SELECT prediction, count(*), avg(petal_length), quantile_cont(latency, 0.99)
    FROM predictions GROUP BY prediction"""


def write(folder: Path, predictions: int, days: int = DAYS, first_day: int = 0) -> None:
    """Write a log of iris, one row a request, as many each day, as the API would have."""
    (folder / FOLDER).mkdir(parents=True)
    lines, step = _lines(), days * 86_400 / predictions
    number = sequence = written = 0
    while written < predictions:
        name = f"{SegmentName(number := number + 1, '0a0a0a0a', sequence)}{OPEN}"
        content = bytearray(
            finish_line(b'{"note":"opened","details":{}}', sequence := sequence + 1)
        )
        while len(content) < SEGMENT_BYTES and written < predictions:
            time = START + first_day * 86_400 + written * step
            content += finish_line(next(lines)(time), sequence := sequence + 1)
            written += 1
        sealed_name(folder / FOLDER / name, crc32(content)).write_bytes(content)


def _lines() -> Iterator[Callable[[float], bytes]]:
    """Return the lines of requests, for the times at which they are answered."""
    dice = random.Random(0)
    model, X, _ = forest()
    answers = [
        b'"inputs":%b,"ids":["%%b"],"predictions":[%d],"classes":[0,1,2],'
        b'"probabilities":%b,"targets":null,"marks":{}}'
        % (
            orjson.dumps({name: [value] for name, value in zip(FLOWER, row, strict=True)}),
            label,
            orjson.dumps([probabilities]),
        )
        for row, label, probabilities in zip(
            X.to_numpy().tolist(), model.predict(X), model.predict_proba(X).tolist(), strict=True
        )
    ]
    head = b'{"model":"iris","version":1,"digest":"0123456789ab","time":"%b","image":'
    head += b'"labloop-api:0.5.0","client":"python-httpx/0.28.1","latency_ms":%.3f,'
    while True:
        answer, latency = dice.choice(answers), dice.lognormvariate(-1.5, 0.5)

        def at(time: float, answer: bytes = answer, latency: float = latency) -> bytes:
            written = datetime.fromtimestamp(time, UTC).isoformat(timespec="microseconds")
            bits = int(time * 1000) << 80 | 7 << 76 | 2 << 62 | dice.getrandbits(74) & ~(3 << 62)
            return head % (written.encode(), latency) + answer % str(UUID(int=bits)).encode()

        yield at


def read(folder: Path, part: str) -> dict[str, float]:
    """Build the copy, group the whole log, or read one day of it; return what was measured."""
    copy = LogCopy(folder, folder / "copy")
    if part == "build":
        began = perf_counter()
        log_reader.sql(copy, "SELECT 1")
        seconds = perf_counter() - began
        (count,) = log_reader.sql(copy, "SELECT count(*) FROM predictions").iloc[0]
        size = sum(file.stat().st_size for file in copy.home.iterdir())
        return {
            "seconds": seconds,
            "memory": most_memory(),
            "bytes": size / count,
            "count": count,
        }
    day = pd.Timestamp(START + DAY * 86_400, unit="s", tz="UTC")

    def ask() -> int:
        if part == "grouped":
            return len(log_reader.sql(copy, GROUPED))
        return len(log_reader.read(copy, "iris", day, day + pd.Timedelta("1D")))

    times = []
    for _ in range(3):
        began = perf_counter()
        rows = ask()
        times.append(perf_counter() - began)
    return {"seconds": median(times), "memory": most_memory(), "rows": rows}


def most_memory() -> float:
    """Return the most resident memory that this program had, in MB.

    `getrusage` counts what its parent had when it was forked, too.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measure(folder: Path, part: str) -> dict[str, float]:
    """Read in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.curves.big_log", str(folder), part]
    done = subprocess.run(command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    print(json.dumps(read(Path(sys.argv[1]), sys.argv[2])))
