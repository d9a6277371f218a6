"""Body: a request's JSON, read so that whatever is wrong with it can be named."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

from service.contract.errors import InputError, TooLargeError
from service.contract.settings import Settings
from service.contract.text import show

LONG = 64  # rows
MAX_DEPTH = 32  # a V2 body has five levels; a parser follows each of them on its stack
CONTAINERS = 20  # lists and objects a row; 400,000 take a parser a fifth of a second
TEXT = re.compile(rb'"(?:[^"\\]++|\\.?)*+(?:"|\Z)', re.DOTALL)  # linear, whatever it meets

# What each byte does to the depth.
STEP = np.zeros(256, dtype=np.int8)
STEP[[*b"[{"]] = 1
STEP[[*b"]}"]] = -1


def read_json(body: bytes, limits: Settings) -> Any:
    """Read JSON.

    The strict parser comes first. What it refuses goes to a lenient one, which
    takes NaN, Infinity and huge numbers, so that the signature can name the
    feature and row that hold them.

    Raises
    ------
    InputError
        The body is not JSON, is nested too deeply, or has a name twice in one object.
    TooLargeError
        It has too many lists and objects.

    Examples
    --------
    >>> read_json(b'{"rows": [{"size": 1}]}', Settings())
    {'rows': [{'size': 1}]}
    >>> read_json(b'{"rows": [], "rows": []}', Settings())
    Traceback (most recent call last):
        ...
    service.contract.errors.InputError: An object of the body has 'rows' twice. Give each name once.
    """
    containers, most = body.count(b"[") + body.count(b"{"), CONTAINERS * limits.max_rows
    if containers > most:  # a parser would keep all other threads waiting
        raise TooLargeError(
            f"The body has {containers} lists and objects; at most {most} are read. "
            "Send columns instead of rows, or fewer rows at once, or raise MAX_ROWS."
        )
    if containers > MAX_DEPTH:
        _check_depth(body)
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _read_leniently(body)
    # One colon a member. Where there are more, a text holds them, or a name was there twice.
    colons = body.count(b":")
    if colons == _outer_members(content) or colons == _members(content):
        return content
    return _read_leniently(body)


def _read_leniently(body: bytes) -> Any:
    try:
        return json.loads(body, object_pairs_hook=_without_twins)
    except json.JSONDecodeError as error:
        raise InputError(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InputError(f"The body cannot be read as JSON: {type(error).__name__}.") from error


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise InputError(f"An object of the body has {show(twice)} twice. Give each name once.")
    return members


def _outer_members(content: Any) -> int:
    """Count the members of an object and of the objects in it; these are all in most bodies."""
    if type(content) is not dict:
        return 0
    return len(content) + sum(len(each) for each in content.values() if type(each) is dict)


def _members(content: Any) -> int:
    """Count the members of all objects, at most."""
    if type(content) is dict:
        return len(content) + sum(map(_members, content.values()))
    if type(content) is list:
        kinds = set(map(type, content))
        if kinds == {dict} and len(content) > LONG:  # rows: what they hold is not nested
            return sum(map(len, content))
        if dict in kinds or list in kinds:
            return sum(map(_members, content))
    return 0


def _check_depth(body: bytes) -> None:
    """Refuse what is nested too deeply, before a parser follows it."""
    depth = _depth(body)
    if depth > MAX_DEPTH:
        depth = _depth(b"".join(_outside_texts(body)))  # brackets in texts do not count
    if depth > MAX_DEPTH:
        raise InputError(
            f"The body is nested {depth} levels deep; at most {MAX_DEPTH} are read. "
            "Send plain values."
        )


def _outside_texts(body: bytes) -> Iterator[bytes]:
    """Yield what is between the texts, a piece at a time: other threads come in between."""
    end = 0
    for text in TEXT.finditer(body):
        yield body[end : text.start()]
        end = text.end()
    yield body[end:]


def _depth(body: bytes) -> int:
    steps = STEP[np.frombuffer(body, dtype=np.uint8)]
    return int(np.cumsum(steps, dtype=np.int32).max(initial=0))
