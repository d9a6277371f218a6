"""Archive: the parts of an object store that keeps the sealed segments of many logs.

::

    <log>/000041-9f31c2aa-000000000.4e5b2e3f.jsonl    a sealed segment, as it was on its disk
    <log>/000040-17be0c55-000000000.torn              what a crash cut off
    <log>/state.json                                  what else is on that disk, as its API says
    wanted                                            the number of the last wish to have it all

A log is a folder with segments, so a disk. It has an id, in a file beside its segments.
"""

import re
from typing import Annotated

import orjson
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from service.contract.log.segment import HIGHEST, NAME
from service.contract.text import sentence

WANTED, STATE = "wanted", "state.json"
LOG = re.compile("[0-9a-f]{16}")
ID_FILE = "archive.id"  # beside the segments
SEGMENT = re.compile(rf"{NAME.pattern}\.(?:[0-9a-f]{{8}}\.jsonl|torn)")  # the name of a file

Number = Annotated[int, Field(ge=0, le=HIGHEST)]


@with_config(ConfigDict(strict=True, extra="forbid"))
class LogState(TypedDict):
    """What a replica says of the log on its disk.

    `waiting` has the segments that the archive does not have yet, with the lines in each;
    `shipped` is the highest number of those that it has. `wish` is the last wish that was
    fulfilled: all that had been logged before it is in the archive. `ended` says that the replica
    ended in order, and left nothing on its disk.
    """

    replica: Annotated[str, AfterValidator(sentence)]
    waiting: dict[Annotated[str, Field(pattern=f"^{NAME.pattern}$")], Number]
    shipped: Number
    wish: Number
    ended: bool


_STATE = TypeAdapter(LogState)


def write_state(state: LogState) -> bytes:
    """Write a state as it is kept."""
    return orjson.dumps(state)


def read_state(content: bytes) -> LogState | None:
    """Read a state; None if it is none.

    Examples
    --------
    >>> read_state(b"{}") is None
    True
    """
    try:
        return _STATE.validate_json(content)
    except ValidationError:
        return None


def read_wish(content: bytes) -> int:
    """Read the number of a wish; 0 if it is none.

    Examples
    --------
    >>> read_wish(b"12"), read_wish(b"twelve")
    (12, 0)
    """
    return int(content) if re.fullmatch(rb"\d{1,18}", content) else 0
