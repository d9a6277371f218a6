"""Log checks: whether the log is the API's, is sealed, and is whole."""

import time
from collections.abc import Iterator
from pathlib import Path

from service.contract.errors import LabloopError
from service.contract.files import is_locked
from service.contract.log.segment import open_segments
from service.contract.settings import Settings
from service.lab.client.client import Client
from service.lab.doctor.diagnosis import SHOWN, Finding
from service.lab.log.copy import Log, LogCopy
from service.lab.log.place import log_elsewhere
from service.lab.reports.report import counted

SEAL_SECONDS = 30.0  # a running API seals what a dead one left within one second


def check_log(log: Log, client: Client | None, settings: Settings) -> Iterator[Finding]:
    """Check every line that is not copied yet, and say what the copy knows of the rest.

    Parameters
    ----------
    log : Log
    client : Client or None
        None if no API responds.
    settings : Settings
    """
    if isinstance(log, LogCopy):
        yield from _check_open_segments(log.folder, client is not None)
    if client is not None:
        yield from _check_place(client, settings)
    try:
        with log.files() as files:
            damage, torn = files.damage, files.torn
    except LabloopError as error:
        yield Finding("fix", "log", str(error))
        return
    remedy = "The rest is read. Restore the file if you have a copy of it."
    for sentence in damage[:SHOWN]:
        yield Finding("fix", "log", sentence, remedy)
    if len(damage) > SHOWN:
        yield Finding("fix", "log", f"{counted(len(damage) - SHOWN, 'more place')} like these.")
    if torn:
        sentence = f"A crash cut off {counted(torn, 'line')}; no response was sent for these."
        yield Finding("note", "log", sentence)
    if not damage:
        sentence = "Every line is what was written, or was when it was copied; none is missing."
        yield Finding("ok", "log", sentence)


def _check_place(client: Client, settings: Settings) -> Iterator[Finding]:
    try:
        sentence = log_elsewhere(client, settings)
    except LabloopError as error:
        sentence = f"The API does not say where it logs: {error}"
    if sentence:
        yield Finding("fix", "log", sentence)


def _check_open_segments(folder: Path, api_responds: bool) -> Iterator[Finding]:
    """Find the segments that nobody writes any more and nobody has sealed."""
    dead = [*_left_open(folder)]
    if not dead:
        return
    sentence = f"{counted(len(dead), 'segment')} of a stopped API not sealed, e.g. {dead[0]}."
    if api_responds:
        remedy = "A running API seals them at once. Is its LOGS_DIR another one, or its disk full?"
        yield Finding("fix", "log", sentence, remedy)
    else:
        yield Finding("note", "log", sentence, "The next start seals them.")


def _left_open(folder: Path) -> Iterator[Path]:
    """List open segments without a writer; one that was written just now may be sealed soon."""
    for file in open_segments(folder):
        try:
            if not file.is_file():  # named when the log is read
                continue
            if time.time() - file.stat().st_mtime > SEAL_SECONDS and not is_locked(file):
                yield file
        except FileNotFoundError:  # sealed just now
            continue
