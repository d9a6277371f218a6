"""Hang: a worker that does not answer, or a prediction that does not end; and whose fault it is."""

import os
from dataclasses import dataclass
from pathlib import Path

from service.api.processes.pulse import Computation, Shared, computations

START_SECONDS = 300  # for the imports, before the event loop turns for the first time
MOST_SECONDS = 1.0  # that one look may add
NOTICED_SECONDS = 1.0


@dataclass(frozen=True)
class Hang:
    """What is the matter, for people, and the labels of the versions that did it."""

    what: str
    labels: list[str]


class Watch:
    """Looks at a worker's pulse again and again, and tells when it hangs.

    Time counts only while somebody looks: a look adds at most a second. So a laptop that was
    asleep, a process tree that was stopped and continued, and a machine so slow that the
    supervisor gets no turn either do not make a worker hang.

    Parameters
    ----------
    pid : int
    shared : Shared
    limit : float
        `ANSWER_SECONDS`.

    Examples
    --------
    >>> shared = Shared(beats=1)
    >>> shared.seats[0].label, shared.seats[0].number = b"iris/3/0123456789ab", 1
    >>> watch = Watch(os.getpid(), shared, limit=2)
    >>> for beats in (1, 2, 3):
    ...     shared.beats = beats
    ...     hang = watch.look(1.0)
    >>> hang.what, hang.labels
    ('A prediction has not ended for 2 s (ANSWER_SECONDS)', ['iris/3/0123456789ab'])
    """

    def __init__(self, pid: int, shared: Shared, limit: float) -> None:
        self.pid = pid
        self.shared = shared
        self.limit = limit
        self._beats = -1
        self._silent = 0.0
        self._lasting: dict[int, float] = {}
        self._suspects: dict[Computation, float] | None = None

    @property
    def answers(self) -> bool:
        """Whether its event loop turned when it was looked at last, or just before."""
        return self._beats > 0 and self._silent < NOTICED_SECONDS

    def look(self, elapsed: float) -> Hang | None:
        """Compare with the last look.

        Parameters
        ----------
        elapsed : float
            Seconds since then.
        """
        elapsed = min(elapsed, MOST_SECONDS)
        running = [*computations(self.shared)]
        beats = self.shared.beats
        self._silent = self._silent + elapsed if beats == self._beats else 0.0
        self._beats = beats
        self._lasting = {
            each.number: self._lasting.get(each.number, -elapsed) + elapsed for each in running
        }
        if not beats:
            if self._silent >= START_SECONDS:
                return Hang(f"It has not begun to answer within {START_SECONDS} s", [])
            return None
        if self._silent >= self.limit:
            what = f"It has not answered for {self.limit:g} s (ANSWER_SECONDS)"
            return Hang(what, self._guilty(running))
        if self._silent >= NOTICED_SECONDS:  # what it computes may only be waiting for the guilty
            if self._suspects is None:
                self._suspects = {each: _worked(self.pid, each.thread) for each in running}
            return None
        self._suspects = None
        endless = {each.label for each in running if self._lasting[each.number] >= self.limit}
        what = f"A prediction has not ended for {self.limit:g} s (ANSWER_SECONDS)"
        return Hang(what, sorted(endless)) if endless else None

    def _guilty(self, running: list[Computation]) -> list[str]:
        """Tell who keeps a worker from answering.

        Whoever keeps Python's lock stops the others' computations, too; but it alone works.
        """
        before = self._suspects or {}
        work = {
            each: _worked(self.pid, each.thread) - before[each]
            for each in running
            if each in before
        }
        if not work or _is_stopped(self.pid):
            return []
        most = max(work.values())
        if most < self._silent / 10:  # they all wait; then it is most likely who came last
            return [max(work).label]
        return sorted({each.label for each, seconds in work.items() if seconds > most / 2})


def _worked(pid: int, thread: int) -> float:
    """Return the processor time that a thread has used, in seconds; 0 where nothing tells it."""
    fields = _stat(Path(f"/proc/{pid}/task/{thread}/stat"))
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def _is_stopped(pid: int) -> bool:
    """Whether somebody stopped a process, as a debugger does."""
    return _stat(Path(f"/proc/{pid}/stat"))[:1] in (["T"], ["t"])


def _stat(file: Path) -> list[str]:
    """Read the fields that follow the program's name; none where the system does not tell."""
    try:
        return file.read_text().rpartition(")")[2].split()
    except OSError:
        return []
