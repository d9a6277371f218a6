"""Archive: what an object store has of many logs, and what their replicas say of the rest."""

import re
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from service.contract.errors import ObjectChangedError, ObjectExistsError, ObjectMissingError
from service.contract.log.archive import (
    LOG,
    SEGMENT,
    STATE,
    WANTED,
    LogState,
    read_state,
    read_wish,
)
from service.contract.log.segment import HIGHEST, MOST_BYTES, TORN, SegmentName, stem
from service.contract.text import sentence

if TYPE_CHECKING:
    from service.contract.objects.objects import Entry, Objects

KEY = re.compile(f"(?P<log>{LOG.pattern})/(?P<name>{SEGMENT.pattern}|{re.escape(STATE)})")
ANSWER_SECONDS = 10.0  # for replicas to ship what they have
LOOK_SECONDS = 0.2
# A replica says something each minute, whatever happens. One that did not for so long is not waited
# for. Both times are the store's.
GONE = timedelta(seconds=150)
READERS = 16  # reports that are read at once


@dataclass
class ArchivedLog:
    """What the archive has of one log.

    `segments` has the names of files, with their sizes; `torn` has names. `state` is what the
    log's replica said last, and `told` when; both are None if there is no report.
    """

    log: str
    segments: dict[Path, int] = field(default_factory=dict)
    torn: list[Path] = field(default_factory=list)
    etag: str = ""
    told: datetime | None = None
    state: LogState | None = None

    @property
    def replica(self) -> str:
        """Who wrote it last."""
        return self.state["replica"] if self.state else "an unknown replica"

    def has_fulfilled(self, wish: int) -> bool:
        """Whether all that was logged before a wish is in the archive, as far as is known."""
        return self.state is None or self.state["ended"] or self.state["wish"] >= wish

    @property
    def present(self) -> set[SegmentName]:
        """The segments that the archive has, even if only a torn end."""
        return {*map(SegmentName.of, [*self.segments, *self.torn])}

    @property
    def waiting(self) -> dict[SegmentName, int]:
        """The segments that only the replica's disk has, with the lines in each."""
        counts = self.state["waiting"] if self.state else {}
        named = {SegmentName.of(Path(name)): count for name, count in counts.items()}
        return {name: named[name] for name in sorted(named.keys() - self.present)}


@dataclass
class Listing:
    """All logs of an archive, by id; `unread` has a sentence for each object that is left out."""

    logs: dict[str, ArchivedLog] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    @property
    def names(self) -> set[tuple[str, Path]]:
        """The segments of all logs."""
        return {(log.log, name) for log in self.logs.values() for name in log.segments}


class Archive:
    """The objects below `ARCHIVE_URL`.

    Parameters
    ----------
    url : str
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._states: dict[str, tuple[str, LogState | None]] = {}  # by log, with the ETag

    @cached_property
    def objects(self) -> "Objects":
        """The objects; the client library is imported only by those who have an object store."""
        from service.contract.objects.objects import Objects

        return Objects.at(self.url)

    def listing(self) -> Listing:
        """List the segments, and what replicas say of others; none is missed by both.

        Raises
        ------
        StoreError
            The store cannot be used.
        """
        found = Listing()
        for entry in self.objects.list(""):
            if entry.key != WANTED and (problem := _add(found.logs, entry)):
                found.unread.append(f"{self.url}/{sentence(entry.key)} {problem}, and is left out.")
        reported = [log for log in found.logs.values() if log.etag]
        with ThreadPoolExecutor(READERS) as pool:
            for log, is_report in zip(reported, pool.map(self._read_state, reported), strict=True):
                if not is_report:
                    place = f"{self.url}/{log.log}/{STATE}"
                    found.unread.append(f"{place} is no replica's report, and is left out.")
        for log in found.logs.values():
            for name, better in _superfluous(log):
                del log.segments[name]
                place = f"{self.url}/{log.log}/{name}"
                found.unread.append(f"{place} is left out: {str(better)!r} is of the same segment.")
        return found

    def _read_state(self, log: ArchivedLog) -> bool:
        """Read what a replica said last, unless that is known; tell whether it is a report."""
        etag, state = self._states.get(log.log, ("", None))
        if etag != log.etag:
            try:
                found = self.objects.get(f"{log.log}/{STATE}")
            except ObjectMissingError:  # deleted just now
                log.told = None
                return True
            etag, state = self._states[log.log] = found.etag, read_state(found.content)
        log.etag, log.state = etag, state
        return state is not None

    def call(self) -> tuple[set[str], int]:
        """Have each replica that lives ship what it has, and wait for that.

        Returns
        -------
        owing : set of str
            The logs of replicas that neither ended in order, nor did so in time.
        wish : int
            What was asked of them.

        Raises
        ------
        StoreError
            The store cannot be used.
        """
        listing = self.listing()
        wish = HIGHEST
        owing = {each.log: each for each in listing.logs.values() if not each.has_fulfilled(wish)}
        if not owing:
            return set(), wish
        wish, now = self._wish(max(log.state["wish"] for log in owing.values() if log.state))
        pending = {log.log for log in owing.values() if log.told and now - log.told < GONE}
        deadline = time.monotonic() + ANSWER_SECONDS
        while pending and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            for log in [owing[each] for each in pending]:
                found = self.objects.get_if_new(f"{log.log}/{STATE}", log.etag)
                if found is None:
                    continue
                log.etag, log.state = found.etag, read_state(found.content)
                self._states[log.log] = log.etag, log.state
                if log.has_fulfilled(wish):
                    pending.remove(log.log)
                    del owing[log.log]
        return {*owing}, wish

    def _wish(self, above: int) -> tuple[int, datetime]:
        """Write the next wish, and return it with the store's time."""
        try:
            before = self.objects.get(WANTED)
        except ObjectMissingError:
            before = None
        wish = max(above, read_wish(before.content) if before else 0) + 1
        try:
            if before is None:
                self.objects.create(WANTED, b"%d" % wish)
            else:
                self.objects.replace(WANTED, b"%d" % wish, before.etag)
        except (ObjectExistsError, ObjectChangedError):
            pass  # another reader has just wished the same
        entry = self.objects.head(WANTED)
        return wish, entry.modified


def _add(logs: dict[str, ArchivedLog], entry: "Entry") -> str:
    """Add an object to its log; say what is wrong with it, if anything is."""
    match = KEY.fullmatch(entry.key)
    if match is None:
        return "is no part of an archive of logs"
    log = logs.setdefault(match["log"], ArchivedLog(match["log"]))
    if match["name"] == STATE:
        log.told, log.etag = entry.modified, entry.etag
    elif entry.size > MOST_BYTES:
        return f"is no segment (it has more than {MOST_BYTES:,} bytes)"
    elif match["name"].endswith(TORN):
        log.torn.append(Path(match["name"]))
    else:
        log.segments[Path(match["name"])] = entry.size
    return ""


def _superfluous(log: ArchivedLog) -> Iterator[tuple[Path, Path]]:
    """Find several files of one segment, as after a disk was restored; the longest one is read."""
    several: dict[str, list[Path]] = defaultdict(list)
    for name in log.segments:
        several[stem(name)].append(name)
    for names in several.values():
        *others, longest = sorted(names, key=lambda name: (log.segments[name], name.name))
        yield from ((name, longest) for name in others)
