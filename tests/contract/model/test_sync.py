"""New names are synced to disk before anybody relies on them."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.live import CHECKOUT
from tests.support.need import need

CALLS = "mkdir,mkdirat,open,openat,rename,renameat,renameat2,fsync,fdatasync,write"
LOG = """
import sys, time
from pathlib import Path
from prometheus_client import REGISTRY
from service.api.log.prediction_log import PredictionLog
from service.contract.settings import Settings
folder, sync, size = sys.argv[1:]
log = PredictionLog(Settings(logs_dir=folder, log_sync=sync, log_segment_bytes=int(size)))
log.start()
log.write([b'{"model":"iris"}'])
print("acknowledged", flush=True)
while not REGISTRY.get_sample_value("labloop_log_sync_duration_seconds_count"):
    time.sleep(0.01)
print("looked after", flush=True)
log.stop()
print("stopped", flush=True)
"""
PUBLISH = """
import sys
from pathlib import Path
from service.contract.model.manifest import BASELINE, GOLDEN, MODEL
from service.contract.model.manifest import Manifest
from service.contract.model.store import ModelStore
from service.contract.signature.output import Output
from service.contract.signature.signature import Signature
def write(folder):
    for name in (MODEL, GOLDEN, BASELINE):
        (folder / name).write_text("{}")
    signature = Signature(features=[], output=Output(task="regression"))
    return Manifest(model="iris", estimator="none", rows=1, image="local", signature=signature)
store = ModelStore(Path(sys.argv[1]))
store.promote("iris", store.add("iris", write))
print("published", flush=True)
"""


@dataclass
class Call:
    """A system call, from the line of the trace where it begins to that where it has ended."""

    name: str
    text: str
    begin: int
    end: int

    @property
    def made(self) -> Path | None:
        """The name that it made, if it made one."""
        names: list[tuple[str, str]] = re.findall(r'(?:<([^<>]*)>, )?"([^"]*)"', self.text)
        if "= -1" in self.text or not names or self.name == "write":
            return None
        if self.name.startswith("open") and "O_CREAT" not in self.text:
            return None
        folder, name = names[-1]
        return Path(folder) / name

    def syncs(self, path: Path) -> bool:
        return self.name in ("fsync", "fdatasync") and f"<{path}>" in self.text


class Trace:
    """What a program asked of the system."""

    def __init__(self, folder: Path, program: str, *arguments: Any) -> None:
        need(shutil.which("strace"), "strace, a Debian package")
        file = folder / "trace"
        command = ["strace", "-f", "--seccomp-bpf", "-y", "-s", "200", "-o", str(file)]
        command += ["-e", f"trace={CALLS}"]
        done = subprocess.run(
            [*command, sys.executable, "-c", program, *map(str, arguments)],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
        )
        need("ptrace" not in done.stderr, f"strace must be allowed: {done.stderr}")
        assert done.returncode == 0, done.stderr
        self.calls = [*_calls_of(file.read_text().splitlines())]

    def printed(self, word: str) -> int:
        return next(c.begin for c in self.calls if c.name == "write" and f'"{word}' in c.text)

    def unsynced(self, root: Path, moment: str) -> set[str]:
        """List the names below a folder that were made, and not synced, until something was said.

        Hidden names are of use only to whoever lives.
        """
        until = self.printed(moment)
        found = set()
        for call in self.calls:
            made = call.made
            if made is None or root not in made.parents or made.name.startswith("."):
                continue
            after = [each for each in self.calls if each.begin > call.end and each.end < until]
            if call.end < until and not any(each.syncs(made.parent) for each in after):
                found.add(str(made.relative_to(root)))
        return found


def _calls_of(lines: list[str]) -> Iterator[Call]:
    begun: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(lines):
        process, _, text = line.partition(" ")
        text = text.strip()
        begin = number
        if text.endswith("<unfinished ...>"):
            begun[process] = number, text.removesuffix("<unfinished ...>")
            continue
        if text.startswith("<... "):
            begin, head = begun.pop(process)
            text = head + text.partition("resumed>")[2]
        if match := re.match(r"(\w+)\(", text):
            yield Call(match[1], text, begin, number)


@pytest.mark.parametrize("size", [64_000_000, 1], ids=["open", "sealed at once"])
@pytest.mark.parametrize("sync", ["interval", "always"])
def test_names_of_the_log_are_synced(tmp_path: Path, sync: str, size: int) -> None:
    folder = tmp_path / "new" / "logs"
    trace = Trace(tmp_path, LOG, folder, sync, size)
    made = {call.made for call in trace.calls}
    assert {folder.parent, folder, folder / "predictions"} <= made
    assert any(path and path.parent == folder / "predictions" for path in made)
    moments = ["looked after", "stopped"]
    if sync == "always":
        moments.insert(0, "acknowledged")
    if size == 1:
        moments.remove("looked after")  # it is sealed just then
    assert {moment: trace.unsynced(tmp_path, moment) for moment in moments} == {
        moment: set() for moment in moments
    }


def test_store_names_are_synced(tmp_path: Path) -> None:
    store = tmp_path / "data" / "models"
    trace = Trace(tmp_path, PUBLISH, store)
    made = {call.made for call in trace.calls}
    assert {store, store / "iris", store / "iris" / "1", store / "iris" / "aliases.json"} <= made
    assert trace.unsynced(tmp_path, "published") == set()
