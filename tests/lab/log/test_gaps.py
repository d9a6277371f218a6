"""Segments that were deleted by hand are named; those that retention deleted are not."""

import os
from pathlib import Path
from shutil import rmtree

import pytest

from service.api.log.prediction_log import PredictionLog
from service.contract.log.segment import FOLDER, OPEN, SegmentName, stem
from service.contract.settings import Settings
from service.lab import Lab
from tests.support.log_lines import copy_of, crashed, line, open_log, read, segments, warned


def write_segments(folder: Path, count: int) -> list[Path]:
    """Let one writer write so many segments."""
    log = open_log(folder, log_segment_bytes=1)
    for _ in range(count):
        log.write([line()])
    log.stop()
    return segments(folder)


def found(folder: Path) -> list[str]:
    """List what the doctor says of the log."""
    lab = Lab(api_url="http://127.0.0.1:9", logs_dir=folder, log_copy_dir=folder / "copy")
    return [each.sentence for each in lab.doctor().findings if each.check == "log"]


GONE = {
    "first": ([0], "Segment 1, before {1}, is missing."),
    "first two": ([0, 1], "Segments 1 to 2, before {2}, are missing."),
    "middle": ([1, 2, 3], "Segments 2 to 4, between {0} and {4}, are missing."),
    "all of a writer": ([3, 4, 5], "Segments 4 to 6, between {2} and {6}, are missing."),
}


@pytest.mark.parametrize("which", GONE)
@pytest.mark.parametrize("copied", [False, True], ids=["", "copied"])
def test_segments_deleted_by_hand_are_told(tmp_path: Path, which: str, copied: bool) -> None:
    for _ in range(3):
        files = write_segments(tmp_path, 3)
    if copied:
        assert warned(tmp_path) == []
    places, sentence = GONE[which]
    for place in places:
        files[place].unlink()
    expected = [sentence.format(*map(stem, files))]
    for _ in range(2):
        assert warned(tmp_path) == expected
        assert found(tmp_path) == expected


def test_missing_last_segments_are_named(tmp_path: Path) -> None:
    files = write_segments(tmp_path, 3)
    files[2].unlink()
    assert warned(tmp_path) == []  # nothing can know of it
    write_segments(tmp_path, 1)  # takes its number
    first, *_, last = segments(tmp_path)
    assert warned(tmp_path) == []
    last.unlink()
    forget = f"If that is right, delete {copy_of(tmp_path).home}: it will be made again."
    gone = f"Segment {stem(last)} is missing: it was copied before, and is gone from the log. "
    for _ in range(2):
        assert warned(tmp_path) == [gone + forget]
    write_segments(tmp_path, 1)
    assert warned(tmp_path) == [gone + forget]  # although another has its number
    assert gone + forget in found(tmp_path)
    rmtree(copy_of(tmp_path).home)
    assert warned(tmp_path) == []
    assert first.exists()


def test_a_missing_log_is_named(tmp_path: Path) -> None:
    files = write_segments(tmp_path, 3)
    assert warned(tmp_path) == []
    rmtree(tmp_path / FOLDER)
    (sentence,) = warned(tmp_path)
    assert sentence.startswith(f"3 segments, {stem(files[0])} to {stem(files[2])}, are missing: ")


def test_a_later_segment_shows_a_gap(tmp_path: Path) -> None:
    log = open_log(tmp_path, log_segment_bytes=1)
    for _ in range(3):
        log.write([line()])
    log.stop()
    log = open_log(tmp_path)
    log.write([line()])
    for file in segments(tmp_path)[:3]:
        file.unlink()
    (sentence,) = warned(tmp_path)
    assert sentence == f"Segments 1 to 3, before {stem(segments(tmp_path)[0])}, are missing."
    log.stop()


def bounded(folder: Path, max_bytes: int) -> PredictionLog:
    """Return a log whose thread does not run, so that each step is taken when a test takes it."""
    settings = Settings(logs_dir=folder, log_segment_bytes=1500, log_max_bytes=1_000_000)
    return PredictionLog(settings.model_copy(update={"log_max_bytes": max_bytes}))


def number(file: Path) -> int:
    return SegmentName.of(file).number


def test_what_retention_deletes_is_no_gap(tmp_path: Path) -> None:
    log = bounded(tmp_path, 12_000)
    for turn in range(200):
        log.write([line()])
        log._tend()
        if turn % 20 == 0:
            assert warned(tmp_path) == []
    before, gone, after, *_ = segments(tmp_path)
    assert number(before) > 30
    assert warned(tmp_path) == []
    gone.unlink()
    place = f"between {stem(before)} and {stem(after)}"
    assert warned(tmp_path) == [f"Segment {number(gone)}, {place}, is missing."]


def kill_while_deleting(folder: Path) -> None:
    """Let a process end when it has deleted one segment of several."""
    deleted: list[Path] = []
    delete = Path.unlink

    def unlink(file: Path, missing_ok: bool = False) -> None:
        if deleted:
            os._exit(9)
        deleted.append(file)
        delete(file, missing_ok)

    pid = os.fork()
    if not pid:
        Path.unlink = unlink  # type: ignore[method-assign,assignment]
        bounded(folder, 2000)._delete()
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 9


def test_a_killed_deletion_makes_no_gap(tmp_path: Path) -> None:
    write_segments(tmp_path, 8)
    first = segments(tmp_path)[0]
    for _ in range(4):
        kill_while_deleting(tmp_path)
        assert warned(tmp_path) == []
    assert not first.exists()


def test_writers_without_lines_leave_no_gap(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    for cycle in range(200):
        if cycle % 20 == 0:
            write_segments(tmp_path, 1)
        highest = max(number(file) for file in folder.iterdir())
        (folder / f"{SegmentName(highest + 1, f'{cycle:08x}', 0)}{OPEN}").touch()
    open_log(tmp_path).stop()  # the next start seals what dead ones left
    write_segments(tmp_path, 1)
    assert warned(tmp_path) == []
    assert len(read(tmp_path)) == 11
    crashed(tmp_path, line(), torn=b'{"model":"ir')
    open_log(tmp_path).stop()
    assert warned(tmp_path) == []


def test_notes_explain_earlier_gaps_only(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.write([b'{"note":"deleted","details":{"segment":"000009-0000abcd-000000000"}}'])
    log.stop()
    write_segments(tmp_path, 3)
    gone = segments(tmp_path)[2]
    gone.unlink()
    assert len(warned(tmp_path)) == 1
