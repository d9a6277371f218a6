"""Log gaps: segments and lines that are gone, although nothing in the log says why.

Segments are numbered without gaps, so a number that is not there was taken away. Retention
deletes the oldest segments and notes the highest number that it deleted: lower numbers are
accounted for. If the newest segments are gone, only the copy can tell.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from service.contract.log.segment import SegmentName


def missing_segments(
    present: Iterable[SegmentName], copied: Iterable[SegmentName], deleted: int, home: Path
) -> list[str]:
    """Describe the segments that are missing.

    Parameters
    ----------
    present : iterable of SegmentName
        The segments in the log's folder.
    copied : iterable of SegmentName
        The segments that were copied before.
    deleted : int
        The highest number that retention says it deleted.
    home : Path
        The folder of the copy.

    Returns
    -------
    list of str
        A sentence for each gap.

    Examples
    --------
    >>> one, two, six = (SegmentName(number, "ab", 0) for number in (1, 2, 6))
    >>> missing_segments([one, six], [], 0, Path("copy"))
    ['Segments 2 to 5, between 000001-ab-000000000 and 000006-ab-000000000, are missing.']
    >>> missing_segments([six], [], 5, Path("copy"))
    []
    >>> missing_segments([one], [one, two], 0, Path("copy"))[0]
    'Segment 000002-ab-000000000 is missing: it was copied before, and is gone from the log. ...
    """
    names = sorted({name for name in present if name.number})
    gaps = [*_gaps(names, deleted)]
    said = []
    for before, after in gaps:
        first = max(deleted, before.number if before else 0) + 1
        last = after.number - 1
        which = f"Segment {first}" if first == last else f"Segments {first} to {last}"
        where = f"before {after}" if before is None else f"between {before} and {after}"
        said.append(f"{which}, {where}, {'is' if first == last else 'are'} missing.")
    told = [range(before.number + 1 if before else 1, after.number) for before, after in gaps]
    gone = sorted(
        name
        for name in {*copied} - {*names}
        if name.number > deleted and not any(name.number in numbers for numbers in told)
    )
    if gone:
        which = f"Segment {gone[0]} is missing: it was copied before, and is"
        if len(gone) > 1:
            which = f"{len(gone)} segments, {gone[0]} to {gone[-1]}, are missing: "
            which += "they were copied before, and are"
        forget = f"If that is right, delete {home}: it will be made again."
        said.append(f"{which} gone from the log. {forget}")
    return said


def missing_lines(
    present: Iterable[SegmentName], spans: Iterable[tuple[SegmentName, int]]
) -> Iterator[str]:
    """Describe the lines that are missing between segments, where no segment is missing.

    Parameters
    ----------
    present : iterable of SegmentName
    spans : iterable of (SegmentName, int)
        Each segment, and the number that its writer gave to its last line.
    """
    numbers = {name.number for name in present}
    by_writer = sorted(sorted(spans), key=lambda each: each[0].writer)
    for (earlier, last), (later, _) in pairwise(by_writer):
        if earlier.writer != later.writer or not earlier.number or last >= later.before:
            continue
        first, end = earlier.number + 1, later.number
        if end - first <= len(numbers) and numbers.issuperset(range(first, end)):
            yield f"{later.before - last} lines between segments {earlier} and {later} are missing."


def _gaps(
    names: list[SegmentName], deleted: int
) -> Iterator[tuple[SegmentName | None, SegmentName]]:
    """Find segments whose numbers do not follow each other, above what was deleted."""
    if names and names[0].number > max(deleted, 0) + 1:
        yield None, names[0]
    for before, after in pairwise(names):
        if after.number > max(before.number, deleted) + 1:
            yield before, after
