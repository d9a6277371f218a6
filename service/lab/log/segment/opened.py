"""Opened: the copies of segments that are still being written, continued as they grow."""

import os
import tempfile
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from shutil import rmtree

from service.lab.log.columns import Database
from service.lab.log.segment.copy import SegmentCopy
from service.lab.log.segment.file import content_of
from service.lab.log.segment.lines import Place

SHORT = 2_000_000  # bytes of a piece that may be copied again together with the next
ENDING = 64  # bytes that tell a line from any other: with its number and its checksum


@dataclass(frozen=True, eq=False)
class Piece:
    """Lines of an open segment that were copied. Its folder is there as long as the object is.

    They are the bytes from `start` to `end` of the segment, and `ending` is the last of them.
    `content` is kept while the piece is short. `after` is the place where the next line will be.
    """

    folder: Path
    start: int
    end: int
    ending: bytes
    content: bytes | None
    after: Place

    files: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        weakref.finalize(self, _remove, self.folder, os.getpid())
        self.files.extend(self.folder.iterdir())

    def is_there(self) -> bool:
        """Whether nobody deleted its files: old ones may be cleaned away where they are."""
        return all(file.exists() for file in self.files)


@dataclass(frozen=True)
class OpenSegment:
    """An open segment as it was read: the pieces that were copied before, and what follows."""

    file: Path
    pieces: list[Piece]
    rest: bytes

    @property
    def end(self) -> int:
        """Where the pieces end."""
        return self.pieces[-1].end if self.pieces else 0

    @property
    def size(self) -> int:
        """How many bytes it had."""
        return self.end + len(self.rest)


class Opened:
    """What was copied of the open segments of one log.

    A segment only grows while it is open, so a read copies no more than the lines that came
    since the one before. So that there are few pieces, a short one is copied again with the next.
    """

    def __init__(self) -> None:
        self._pieces: dict[Path, list[Piece]] = {}

    @cached_property
    def folder(self) -> Path:
        """Where the pieces are."""
        folder = Path(tempfile.mkdtemp(prefix="labloop-")).resolve()
        weakref.finalize(self, _remove, folder, os.getpid())
        return folder

    def read(self, file: Path, unread: dict[Path, str]) -> OpenSegment | None:
        """Read what is new in a segment; see `service.lab.log.segment.file.content_of`."""
        pieces = [*takewhile(Piece.is_there, self._pieces.get(file, []))]
        while pieces:
            last = pieces[-1]
            content = content_of(file, unread, last.end - len(last.ending))
            if content is None:
                return None
            if content.startswith(last.ending):
                return OpenSegment(file, pieces, content[len(last.ending) :])
            pieces.pop()  # the API could not write a line completely, and cut it off
        content = content_of(file, unread)
        return None if content is None else OpenSegment(file, [], content)

    def copied(self, database: Database, segments: Iterable[OpenSegment]) -> list[Piece]:
        """Copy the whole lines that are new, and return the pieces of all segments.

        Parameters
        ----------
        database : DuckDBPyConnection
            It may read and write in `folder`.
        segments : iterable of OpenSegment
            All that are open now; what was copied of others is forgotten.
        """
        kept: dict[Path, list[Piece]] = {}
        pieces = []
        for segment in segments:
            kept[segment.file], now = self._copied(database, segment)
            pieces += now
        self._pieces = kept
        return pieces

    def _copied(self, database: Database, segment: OpenSegment) -> tuple[list[Piece], list[Piece]]:
        """Return the pieces to keep, and all pieces.

        A damaged line is named by each read, so the piece that it is in is not kept.
        """
        pieces, content = [*segment.pieces], segment.rest[: segment.rest.rfind(b"\n") + 1]
        if not content:
            return pieces, pieces
        while pieces and (before := pieces[-1].content) and len(before) <= len(content):
            content = before + content
            pieces.pop()
        start, place = (pieces[-1].end, pieces[-1].after) if pieces else (0, None)
        place = place or Place.first(segment.file)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        lines = SegmentCopy(
            database, segment.file, segment.file, content, folder, folder, place
        ).write()
        piece = Piece(
            folder,
            start,
            start + len(content),
            content[-ENDING:],
            content if len(content) <= SHORT else None,
            lines.after,
        )
        return pieces if lines.damage else [*pieces, piece], [*pieces, piece]


def _remove(folder: Path, owner: int) -> None:
    """Delete a folder, but not where a copy of its owner's process ends."""
    if os.getpid() == owner:
        rmtree(folder, ignore_errors=True)
