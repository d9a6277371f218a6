"""Process tree: memory and processor time of a process with all that it started."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from benchmarks.meanwhile import meanwhile
from tests.support.live import children

TICKS = os.sysconf("SC_CLK_TCK")
ENDED = (FileNotFoundError, ProcessLookupError)


def tree(pid: int) -> list[int]:
    """List a process and all its descendants."""
    found = [pid]
    for each in found:
        with suppress(*ENDED):
            found += children(each)
    return found


def memory(pids: list[int]) -> float:
    """Return the memory of processes in MB; a page that several share counts once (PSS)."""
    total = 0
    for pid in pids:
        with suppress(*ENDED):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def processor_seconds(pids: list[int]) -> float:
    """Return the processor time that processes have used, in seconds."""
    total = 0
    for pid in pids:
        with suppress(*ENDED):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))  # its own, and that of children that ended
    return total / TICKS


@dataclass
class Peak:
    """The most memory that a tree had, in MB."""

    memory: float = 0.0


@contextmanager
def peak(pid: int, every: float = 0.05) -> Iterator[Peak]:
    """Look again and again at how much memory a tree has."""
    found = Peak()

    def look(stop: Event) -> None:
        while not stop.wait(every):
            pids = tree(pid)
            seen = memory(pids)
            if pids == tree(pid):  # else what a fork shares may have been counted twice
                found.memory = max(found.memory, seen)

    with meanwhile(look):
        yield found


def idle_share(pid: int, seconds: float) -> float:
    """Return what share of a core a tree uses while nobody asks it anything."""
    before = processor_seconds(tree(pid))
    began = time.monotonic()
    time.sleep(seconds)
    return (processor_seconds(tree(pid)) - before) / (time.monotonic() - began)
