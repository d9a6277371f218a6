"""The measured table: ``make bench``. Everything is compared side by side, in one run."""

import json
import operator
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

import httpx
import numpy as np

from benchmarks import big_log, plain
from benchmarks.load import Load, Measured
from benchmarks.others import ASKED
from service.contract.model.store import ModelStore
from service.lab.publish.publication import Publication
from tests.support.live import (
    CHECKOUT,
    LiveApi,
    children,
    free_ports,
    resident,
    running_api,
    wait_until,
)

SECONDS, ROUNDS = 4.0, 3
QUERY = urlencode(dict(zip(plain.FLOWER, (5.1, 3.5, 1.4, 0.2), strict=True)))
PENGUIN = {"island": "Torgersen", "sex": None, **dict.fromkeys(plain.MEASURES, 180.0)}
QUESTION = {"question": "My card has still not arrived. What can I do?"}


@dataclass(frozen=True)
class Row:
    """One line of the table. `must` and `aim` are bounds; `least` says on which side."""

    work: str
    must: float
    aim: float
    measured: float
    figures: str
    least: bool = False

    def __str__(self) -> str:
        sign = "≥" if self.least else "≤"
        keeps = operator.ge if self.least else operator.le
        reached = "**no**"
        for name, bound in (("must", self.must), ("aim", self.aim)):
            reached = name if keeps(self.measured, bound) else reached
        return (
            f"| {self.work} | {sign} {_shown(self.must)} | {sign} {_shown(self.aim)} "
            f"| {_shown(self.measured)} | {reached} | {self.figures} |"
        )


def _shown(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"


def load(url: str, body: Any = None, connections: int = 16, seconds: float = SECONDS) -> Measured:
    """Ask from a process of its own."""
    asked = Load(url, None if body is None else json.dumps(body), connections, seconds)
    command = [sys.executable, "-m", "benchmarks.load", json.dumps(asdict(asked))]
    done = subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, text=True)
    return Measured(**json.loads(done.stdout))


@contextmanager
def application(name: str) -> Iterator[str]:
    """Run an application; return its URL."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "uvicorn", name, "--factory", "--port", str(port)]
    command += ["--no-access-log", "--log-level", "warning"]
    process = subprocess.Popen(command, cwd=CHECKOUT)

    def answers() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/openapi.json").is_success
        except httpx.TransportError:
            return False

    try:
        wait_until(answers, name)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def alternate(ours: Callable[[], Measured], theirs: Callable[[], Measured]) -> list[list[Measured]]:
    """Measure in turns, so that a busy moment of the machine meets both."""
    pairs = [(ours(), theirs()) for _ in range(ROUNDS)]
    return [[pair[side] for pair in pairs] for side in (0, 1)]


def rate(measured: list[Measured]) -> float:
    return median(each.rate for each in measured)


def against(work: str, must: float, aim: float, url: str, other: str, body: Any = None) -> Row:
    """Compare requests in a second with those of a plain application."""
    one_row = None if body is None else {"rows": [body]}
    with application(f"benchmarks.plain:{other}") as server:
        address = f"{server}/predict"
        target = address if body is not None or other == "constant" else f"{address}?{QUERY}"
        ours, theirs = alternate(lambda: load(url, one_row), lambda: load(target, body))
    figures = f"{rate(ours):.0f} and {rate(theirs):.0f} requests/s"
    return Row(work, must, aim, rate(ours) / rate(theirs), figures, least=True)


def one_connection(url: str) -> Row:
    with application("benchmarks.plain:exercise") as server:
        ours, theirs = alternate(
            lambda: load(url, connections=1),
            lambda: load(f"{server}/predict?{QUERY}", connections=1),
        )
    mine, other = (median(each.p50 for each in side) for side in (ours, theirs))
    work = "p50 at one connection, against the exercise's application"
    return Row(work, 0.15, 0.08, mine / other, f"{mine:.2f} and {other:.2f} ms")


def large_table(api: LiveApi) -> Row:
    model, X, _ = plain.forest()
    rows = X.sample(100_000, replace=True, random_state=0, ignore_index=True)
    rows += np.random.default_rng(0).normal(scale=0.1, size=rows.shape)
    lab = api.lab()
    times: dict[str, list[float]] = {"ours": [], "notebook": []}
    lab.predict("iris", rows[:20_000])
    for _ in range(ROUNDS):
        for name, work in (("notebook", model.predict_proba), ("ours", _asker(lab))):
            began = time.perf_counter()
            work(rows)
            times[name].append(time.perf_counter() - began)
    ours, notebook = median(times["ours"]), median(times["notebook"])
    text = "100,000 rows through `lab.predict`, against `predict_proba` in the notebook"
    return Row(text, 2, 1.2, ours / notebook, f"{ours:.2f} and {notebook:.2f} s")


def _asker(lab: Any) -> Callable[[Any], Any]:
    return lambda rows: lab.predict("iris", rows)


def swaps(api: LiveApi, url: str, store: ModelStore, versions: list[int]) -> Row:
    """A new version every second, all published before; a change of the alias makes each live."""
    steady = [load(url, seconds=10.0).p99]
    stop = threading.Event()

    def swap() -> None:
        for each in versions:
            store.promote("iris", each)
            if stop.wait(1.0):
                return

    thread = threading.Thread(target=swap)
    thread.start()
    swapping = load(url, seconds=10.0)
    stop.set()
    thread.join()
    steady.append(load(url, seconds=10.0).p99)
    base = median(steady)
    text = "p99 while a new version is swapped in every second, against steady p99"
    figures = f"{swapping.p99:.1f} and {base:.1f} ms; {swapping.versions} versions answered in 11 s"
    return Row(text, 2, 1.2, swapping.p99 / base, figures)


def spared(api: LiveApi) -> Row:
    """Ask for nothing, while all cores predict large tables: what delays it held the event loop."""
    rows = plain.forest()[1].sample(20_000, replace=True, random_state=0)
    content = json.dumps({"columns": rows.to_dict("list")})
    stop = threading.Event()

    def ask() -> None:
        with api.http() as http:
            while not stop.is_set():
                http.post("/models/iris/predict", content=content).raise_for_status()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    waited = [load(f"{api.url}/health/live", connections=1) for _ in range(ROUNDS)]
    stop.set()
    for thread in threads:
        thread.join()
    longest, p99 = (median(getattr(each, name) for each in waited) for name in ("slowest", "p99"))
    text = "the longest wait for `/health/live` while 20,000-row requests are computed, in ms"
    return Row(text, 20, 20, longest, f"p99 {p99:.1f} ms")


def served(api: LiveApi, store: ModelStore, versions: list[int]) -> Row:
    seconds = []
    with api.http() as http:
        for each in versions:
            store.promote("iris", each)
            began = time.perf_counter()
            while http.get(f"/predict?{QUERY}").headers["X-Model-Version"] != str(each):
                time.sleep(0.005)
            seconds.append(time.perf_counter() - began)
    figures = f"median of {len(seconds)}; the slowest {max(seconds):.2f} s"
    return Row("alias changed -> served, in seconds", 1, 0.3, median(seconds), figures)


def start(folder: Path) -> list[Row]:
    began = time.perf_counter()
    with running_api(folder) as api, api.http() as http:
        wait_until(lambda: http.get("/health/ready").is_success, "ready")
        seconds = time.perf_counter() - began
        helpers = [api.process.pid, *children(api.process.pid)]
        own = resident(api.worker)
        others = sum(map(resident, helpers)) - own
    return [
        Row("API start to ready with one model, in seconds", 4, 2, seconds, ""),
        Row(
            "resident memory then, in MB",
            350,
            200,
            own,
            f"and {others:.0f} MB in its other processes",
        ),
    ]


def log_cost(folder: Path, store: ModelStore) -> Iterator[Row]:
    """Compare what is answered under two ways to sync with what is answered without any log."""
    with ExitStack() as stack:
        urls = {}
        for sync in ("interval", "always"):
            logs = {"LOGS_DIR": str(folder / sync), "LOG_SYNC": sync}
            urls[sync] = stack.enter_context(running_api(folder, **logs)).url
        unlogged = running_api(folder, program="benchmarks.unlogged", LOGS_DIR=str(folder / "none"))
        urls["none"] = stack.enter_context(unlogged).url
        measured: dict[str, list[Measured]] = {name: [] for name in urls}
        for _ in range(ROUNDS):
            for name, url in urls.items():
                measured[name].append(load(f"{url}/predict?{QUERY}", connections=64))
    none = rate(measured["none"])
    for sync, must in (("interval", 0.85), ("always", 0.65)):
        text = f"`LOG_SYNC={sync}` at 64 connections, against no log at all"
        ours = rate(measured[sync])
        figures = f"{ours:.0f} and {none:.0f} requests/s"
        yield Row(text, must, must, ours / none, figures, least=True)


def reading(folder: Path) -> Iterator[Row]:
    """Read a log of ten million predictions, and one that has a single day of them."""
    whole, alone = folder / "whole", folder / "alone"
    big_log.write(whole)
    big_log.write(alone, big_log.PREDICTIONS // big_log.DAYS, big_log.DAY)

    def measure(log: Path, part: str) -> dict[str, float]:
        command = [sys.executable, "-m", "benchmarks.big_log", str(log), part]
        done = subprocess.run(command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE)
        found: dict[str, float] = json.loads(done.stdout)
        return found

    built, grouped = measure(whole, "build"), measure(whole, "grouped")
    measure(alone, "build")
    days = [(measure(whole, "day"), measure(alone, "day")) for _ in range(ROUNDS)]
    day, single = (median(each[side]["seconds"] for each in days) for side in (0, 1))
    million = f"{built['count'] / 1e6:g} million predictions"
    text = f"{million}: building the copy, in predictions/s"
    yield Row(text, 500_000, 500_000, built["rate"], "one row a line", least=True)
    text = f"{million}: on disk, in bytes a prediction"
    yield Row(text, 40, 40, built["bytes"], "iris, measured to 0.1 cm")
    yield Row(f"{million}: a grouped query by `lab.sql`, in seconds", 2, 2, grouped["seconds"], "")
    yield Row(f"{million}: memory of that process, in MB", 2000, 2000, grouped["memory"], "")
    text = "a day of 100,000 predictions into a DataFrame, in seconds"
    yield Row(text, 0.5, 0.5, day, f"{days[0][0]['rows']:,.0f} rows")
    text = "one day out of 100, against a log of that day alone"
    yield Row(text, 1.5, 1.2, day / single, f"{day:.2f} and {single:.2f} s")


def publish(store: ModelStore, name: str, trained: plain.Trained) -> int:
    publication = Publication(name, *trained)
    return publication.write(store, {}, None, {})


def table(folder: Path) -> Iterator[Row | str]:
    """Measure everything; return the rows as they are known."""
    store = ModelStore(folder / "models")
    trained = plain.forest()
    store.promote("iris", publish(store, "iris", trained))
    yield from start(folder)
    store.promote("slow", publish(store, "slow", plain.neighbours()))
    store.promote("penguins", publish(store, "penguins", plain.penguins()))
    store.promote("questions", publish(store, "questions", plain.questions()))
    store.promote("boosting", publish(store, "boosting", plain.boosting()))
    yield from log_cost(folder, store)
    yield from reading(folder)
    versions = [publish(store, "iris", trained) for _ in range(22)]
    with running_api(folder) as api:
        url = f"{api.url}/predict?{QUERY}"
        yield against("iris, against the exercise's application", 25, 50, url, "exercise")
        yield against("iris, against a constant answer", 0.5, 0.7, url, "constant")
        yield one_connection(url)
        mixed, slow = f"{api.url}/models/penguins/predict", f"{api.url}/models/slow/predict?{QUERY}"
        yield against("penguins, one row by POST, against FastAPI", 20, 40, mixed, "mixed", PENGUIN)
        text = f"{api.url}/models/questions/predict"
        yield against("free text, one row by POST, against FastAPI", 5, 10, text, "text", QUESTION)
        boosted = f"{api.url}/models/boosting/predict"
        work = "XGBoost on penguins, one row by POST, against FastAPI"
        yield against(work, 20, 40, boosted, "boosted", PENGUIN)
        yield against("no fast path, against the same unbatched", 4, 8, slow, "slow")
        yield large_table(api)
        yield spared(api)
        yield served(api, store, versions[:10])
        yield swaps(api, url, store, versions[10:])
        yield from others(url)


def others(url: str) -> Iterator[str]:
    """Measure other servers that have an environment; see `benchmarks.others`."""
    found = [name for name in ASKED if (CHECKOUT / f".venv-{name}").is_dir()]
    if not found:
        return
    yield "\n| server, same forest, one row, 16 connections | requests/s | p50, ms | p99, ms |"
    yield "|---|---|---|---|"
    yield _line("Labloop, log on", load(url))
    for name in found:
        (port,) = free_ports(1)
        path, body = ASKED[name]
        python = CHECKOUT / f".venv-{name}" / "bin" / "python"
        script = str(CHECKOUT / "benchmarks" / "others.py")
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                [python, script, name, str(port)],
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            target = f"http://127.0.0.1:{port}{path}"
            try:
                wait_until(partial(_answers, target, body, process), name, 120)
                yield _line(f"{name} {_version(python, name)}", load(target, body))
            finally:
                os.killpg(process.pid, signal.SIGTERM)  # it ends its own workers
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


def _answers(url: str, body: Any, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"What was to answer at {url} ended with code {process.returncode}.")
    try:
        return httpx.post(url, json=body, trust_env=False, timeout=30).is_success
    except httpx.TransportError:
        return False


def _version(python: Path, name: str) -> str:
    command = [str(python), "-c", f"import importlib.metadata as m; print(m.version({name!r}))"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _line(name: str, measured: Measured) -> str:
    return f"| {name} | {measured.rate:.0f} | {measured.p50:.1f} | {measured.p99:.1f} |"


def machine() -> str:
    names = ("scikit-learn", "numpy", "pandas", "fastapi", "uvicorn", "treelite")
    libraries = ", ".join(f"{name} {version(name)}" for name in names)
    cpu = Path("/proc/cpuinfo").read_text().split("model name\t: ")[1].splitlines()[0]
    return f"{os.cpu_count()} cores ({cpu}), Python {platform.python_version()}, {libraries}"


HEAD = """\
# Benchmarks

This page holds the last table of `make bench`: real servers on loopback, one worker, 16 connections
unless the row says otherwise, the prediction log on (`LOG_SYNC=interval`). Servers that are
compared run in turns within one run, and each figure is the median of three. Only ratios carry over
to another machine.
"""


def main() -> None:
    """Print the table; with ``--write`` put it into docs/benchmarks.md."""
    lines = [HEAD, f"{machine()}.\n", "| work | must | aim | measured | reached | figures |"]
    lines.append("|---|---|---|---|---|---|")
    print("\n".join(lines), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for row in table(Path(folder)):
            print(row, flush=True)
            lines.append(str(row))
    if "--write" in sys.argv:
        file = CHECKOUT / "docs" / "benchmarks.md"
        _, _, after = file.read_text().partition("|\n\n")  # what is below the table
        file.write_text("\n".join([*lines, "", after]))


if __name__ == "__main__":
    main()
