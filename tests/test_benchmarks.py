"""The benchmarks measure what they say: verdicts, memory, processor time, what was answered."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from benchmarks import page, process_tree
from benchmarks.curve import Curve, Panel
from benchmarks.load import Load, measure, summary
from benchmarks.parts import PARTS
from benchmarks.row import Row
from service.lab.client.load import Answer
from tests.support.live import CHECKOUT, wait_until

PARENT = """
import subprocess, sys, time
block = bytearray(50_000_000)
child = subprocess.Popen([sys.executable, "-c", {child!r}], stdin=subprocess.PIPE)
print("ready", flush=True)
sys.stdin.read()
child.stdin.close()
child.wait()
"""
CHILD = """
import os, sys
while sum(os.times()[:2]) < 0.5: pass
block = bytearray(30_000_000)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("row", "reached"),
    [
        (Row("", 2, 1, 2), "must"),
        (Row("", 2, 1, 1), "aim"),
        (Row("", 2, 1, 2.01), "**no**"),
        (Row("", 4, 5, 4, least=True), "must"),
        (Row("", 4, 5, 5.1, least=True), "aim"),
        (Row("", 4, 5, 3.9, least=True), "**no**"),
        (Row("", 4, 5, float("nan"), least=True), "**no**"),
        (Row("", 4, 5, None, "no engine answers"), "-"),
    ],
)
def test_a_bound_itself_is_reached(row: Row, reached: str) -> None:
    assert row.reached == reached


def test_a_tree_counts_children_once() -> None:
    command = [sys.executable, "-c", PARENT.format(child=CHILD)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as parent:  # type: ignore[call-overload]
        assert [parent.stdout.readline() for _ in range(2)] == [b"ready\n"] * 2
        pids = process_tree.tree(parent.pid)
        assert len(pids) == 2
        mapped = [Path(f"/proc/{pid}/smaps").read_text() for pid in pids]
        expected = sum(
            int(kb) for text in mapped for kb in re.findall(r"^Pss:\s+(\d+)", text, re.M)
        )
        assert process_tree.memory(pids) == pytest.approx(expected / 1024, abs=1)
        assert process_tree.memory(pids) > 75  # the two blocks
        with process_tree.peak(parent.pid, 0.01) as most:
            wait_until(lambda: most.memory > 75, "a look at the memory")
        assert process_tree.processor_seconds(pids[1:]) >= 0.5
        parent.stdin.close()
        parent.wait()
    assert process_tree.memory(pids) == 0


def test_a_summary_counts_what_was_answered() -> None:
    answers = [Answer(0.5, 0.1, 200, 1), Answer(1.5, 0.25, 200, 1), Answer(1.9, 0.75, 200, 2)]
    answers += [Answer(2.0, 0.1, 503, None), Answer(2.0, 0.1, 0, None)]
    found = summary(answers, began=1.0, seconds=2.0)
    assert (found.rate, found.answered, found.failed, found.versions) == (1.0, 2, 2, 2)
    assert (found.p50, found.slowest) == (500.0, 750.0)


def test_a_number_of_requests_is_kept() -> None:
    program = (
        "import http.server as h; s = h.HTTPServer(('127.0.0.1', 0), h.SimpleHTTPRequestHandler); "
    )
    program += "print(s.server_port, flush=True); s.serve_forever()"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=CHECKOUT / "docs",
    ) as server:
        port = int(server.stdout.readline())  # type: ignore[union-attr]
        url = f"http://127.0.0.1:{port}/loop.svg"
        found = measure(Load([url], connections=5, seconds=60, requests=40))
        server.terminate()
    assert found.answered + found.failed == 40


def a_curve(name: str = "clients") -> Curve:
    rate, memory = Panel("requests a second"), Panel("memory (MB)", is_log=False)
    for place in (1, 1000):
        rate.add("Labloop", place, 2500.0 * place)
        rate.add("plain FastAPI", place, 0.5)
        memory.add("Labloop", place, 100.25)
    return Curve(name, "How many.", "clients", [rate, memory])


def test_equal_figures_draw_equal_files(tmp_path: Path) -> None:
    a_curve().keep(tmp_path / "one")
    a_curve().keep(tmp_path / "two")
    for name in ("clients.svg", "clients.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    picture = (tmp_path / "one" / "clients.svg").read_text()
    for shown in ("requests a second", "memory (MB)", "plain FastAPI", ">1,000<", "How many."):
        assert shown in picture
    assert "dc:date" not in picture
    assert len(picture) < 60_000


def test_figures_of_a_picture_are_kept(tmp_path: Path) -> None:
    a_curve().keep(tmp_path)
    table = pd.read_csv(tmp_path / "clients.csv")
    assert table.columns.tolist() == ["clients", "of", "requests a second", "memory (MB)"]
    assert table["clients"].tolist() == [1, 1, 1000, 1000]
    assert table["requests a second"].tolist() == [2500, 0.5, 2_500_000, 0.5]
    assert table["memory (MB)"].dropna().tolist() == [100.2, 100.2]


def test_every_part_has_its_place() -> None:
    text = page.FILE.read_text()
    assert re.findall(r"--write (\w+)`", text) == [part.name for part in PARTS]


def test_a_part_replaces_its_own_lines(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(page.FILE.read_text())
    page.keep("memory", ["| new |"], file)
    once = file.read_text()
    page.keep("memory", ["| new |"], file)
    assert file.read_text() == once
    assert once.count("| new |") == 1
    before, after = once.split("| new |")
    assert page.FILE.read_text().startswith(before.removesuffix("\n\n"))
    assert page.FILE.read_text().endswith(after[after.index(page.LAST) :])
    with pytest.raises(ValueError, match="has no line"):
        page.keep("nothing", ["x"], file)


def test_unknown_parts_are_refused() -> None:
    command = [sys.executable, "-m", "benchmarks", "memroy"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "'memroy' is no part; pass some of requests, " in done.stderr
