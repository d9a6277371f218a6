"""An archive of logs in a real object store, and a process that logs into one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from service.api.log.prediction_log import PredictionLog
from service.contract.files import LOCK
from service.contract.log.archive import ID_FILE, STATE, LogState, read_state
from service.contract.log.segment import FOLDER, SHIPPED, SegmentName, is_as_sealed
from tests.support.live import CHECKOUT, wait_until
from tests.support.log_lines import open_log
from tests.support.s3 import S3, environment

# Writes lines, each in a segment of its own, prints the ids of each when it is written, and goes
# on as a log does until it is told to stop.
WRITE = """
import sys
from tests.support.log_lines import ids_of, line, open_log
folder, url, count = sys.argv[1:]
log = open_log(folder, archive_url=url, log_segment_bytes=1)
for _ in range(int(count)):
    text = line()
    log.write([text])
    print(*ids_of(text), flush=True)
sys.stdin.read()
log.stop()
"""


@contextmanager
def archived_log(folder: Path, s3: S3, **settings: Any) -> Iterator[PredictionLog]:
    """Open a log whose segments are archived."""
    with environment(s3.environment):
        log = open_log(folder, archive_url=s3.url, **settings)
    try:
        yield log
    finally:
        log.stop()


def writer(folder: Path, s3: S3, count: int) -> "subprocess.Popen[str]":
    """Start a process that writes so many lines, and ends when its input does."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITE, folder, s3.url, str(count)],
        cwd=CHECKOUT,
        env=os.environ | s3.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def contents(s3: S3) -> dict[str, bytes]:
    """Read all segments of an archive."""
    objects = s3.objects()
    keys = [entry.key for entry in objects.list("")]
    return {key: objects.get(key).content for key in keys if key.endswith((".jsonl", ".torn"))}


def archived_ids(s3: S3) -> list[str]:
    """List the ids in an archive, whose segments are all whole."""
    found: list[str] = []
    for key, content in contents(s3).items():
        assert is_as_sealed(Path(key), content)
        lines = map(json.loads, content.splitlines())
        found += [each for line in lines for each in line.get("ids", [])]
    return found


def numbers(s3: S3) -> list[int]:
    return [SegmentName.of(Path(key)).number for key in contents(s3)]


def reports(s3: S3) -> list[LogState]:
    """Return what is said of each log."""
    objects = s3.objects()
    keys = [entry.key for entry in objects.list("") if entry.key.endswith(STATE)]
    found = [read_state(objects.get(key).content) for key in keys]
    return [each for each in found if each is not None]


def state(s3: S3) -> LogState:
    """Return what is said of the only log."""
    (found,) = reports(s3)
    return found


def is_shipped(folder: Path) -> bool:
    """Whether a disk has nothing of a log but the name of the last segment."""
    names = {file.name for file in (folder / FOLDER).iterdir()} - {ID_FILE, LOCK}
    return all(name.endswith(SHIPPED) for name in names) and len(names) == 1


def wait_until_shipped(folder: Path) -> None:
    wait_until(lambda: is_shipped(folder), "all to be archived", 30)
