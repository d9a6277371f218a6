"""A forged line is checked like any other, and never run as code."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson
import pytest

from service.api.log.ids import prediction_ids
from service.contract.log.line import finish_line
from service.contract.log.segment import FOLDER, OPEN, SegmentName, sealed_name
from tests.lab.log.forged import NOTE, forge, heard
from tests.support.log_lines import copy_of, ids_of, line, read, sql

SQL = "1 AS version) TO 'written.csv' (FORMAT csv); COPY (SELECT 1"  # into the working folder


def request(**changed: Any) -> bytes:
    """Return the line of a request with anything in it, e.g. NaN."""
    return json.dumps(orjson.loads(line()) | changed, separators=(",", ":")).encode()


KINDS: list[Any] = [
    None, True, 7, -1, 0, 1.5, 2**63, 10**30, float("nan"), float("inf"), "", "x", SQL, "it's; --",
    'a"b', "a\nb", "nul\0", "infinity", "1", [], [1], ["x"], [None], [[1]], [[]], [{"a": 1}], {},
    {"a": 1}, {"a": [1]}, {"a'\"": ["x"]}, {"a": [[1]]}, {"": ["x"]}, {"a\0": ["x"]},
    {"a": [1, 2]}, {"a": [{"b": 1}]},
]  # fmt: skip
TEXTS = [kind for kind in KINDS if isinstance(kind, str)]
NAMES = [text for text in TEXTS if "\0" not in text]
PLAIN: list[Any] = [None, True, 7, -1, 0, 1.5, 2**63, 10**30, *TEXTS]
NUMBERS = [7, -1, 0, 1.5, 2**63, 10**30]
# What may stand in a field of a line of one row, besides what stands there.
RIGHT: dict[str, list[Any]] = {
    "model": ["x", "1", "infinity"],
    "version": [7],
    "digest": TEXTS,
    "time": [],
    "image": TEXTS,
    "client": TEXTS,
    "latency_ms": NUMBERS,
    "inputs": [{}, {"a": [1]}, {"a'\"": ["x"]}],
    "ids": [],
    "predictions": [[1], ["x"], [None]],
    "classes": [],
    "probabilities": [None],
    "scores": [[1]],
    "targets": [None],
    "marks": [{}],
}
INNER: dict[str, tuple[Callable[[Any], dict[str, Any]], list[Any]]] = {
    "a value": (lambda v: {"inputs": {"size": [v]}}, PLAIN),
    "an id": (lambda v: {"ids": [v]}, []),
    "a prediction": (lambda v: {"predictions": [v]}, PLAIN),
    "a class": (lambda v: {"classes": ["small", v]}, [*PLAIN[:8], *NAMES]),
    "a probability": (lambda v: {"probabilities": [[v, 0.25]]}, [None, *NUMBERS]),
    "a score": (lambda v: {"scores": [v]}, NUMBERS),
    "a mark": (lambda v: {"marks": {"unseen:size": [v]}}, [0]),
    "a target": (lambda v: {"targets": [v], "predictions": [["x"]], "classes": None,
                            "probabilities": None}, NAMES),
}  # fmt: skip


MUTATIONS = [
    *(
        pytest.param(lambda v, name=name: {name: v}, right, id=name)
        for name, right in RIGHT.items()
    ),
    *(pytest.param(*change, id=name) for name, change in INNER.items()),
]


@pytest.mark.slow
@pytest.mark.parametrize("change, right", MUTATIONS)
def test_odd_fields_damage_their_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Any], dict[str, Any]],
    right: list[Any],
) -> None:
    monkeypatch.chdir(tmp_path)
    is_right = {repr(value) for value in right}
    # All of them together, sealed and not; and some alone, where nothing else is amiss.
    alone: list[Any] = [None, SQL, [], {"a": 1}, True]
    segments = [KINDS, *([kind] for kind in alone), KINDS]
    good: list[str] = []
    bad: list[str] = []
    for number, values in enumerate(segments, 1):
        one, two = line(), line()
        odd = [request(**change(value)) for value in values]
        file = forge(tmp_path, number, NOTE, one, *odd, two, opened=number == len(segments))
        good += ids_of(one) + ids_of(two)
        wrong = [n for n, value in enumerate(values, 3) if repr(value) not in is_right]
        bad += [f"{file}, line {n} is damaged and left out" for n in wrong]
    before = sorted(tmp_path.rglob("*"))
    table, damage = heard(tmp_path, lambda: read(tmp_path))
    assert {*good} <= {*table["prediction_id"]}
    assert [text.partition(": ")[0] for text in damage] == bad
    copied = copy_of(tmp_path).home.parent
    assert [f for f in sorted(tmp_path.rglob("*")) if not f.is_relative_to(copied)] == before


def told(**changed: Any) -> bytes:
    fields: dict[str, Any] = {
        "feedback": 1,
        "time": "2026-05-01T13:00:00.000001+00:00",
        "told": prediction_ids(1)[0],
        "client": "test",
        "about": prediction_ids(1),
        "truth": ["small"],
    }
    return json.dumps(fields | changed, separators=(",", ":")).encode()


TOLD: dict[str, list[Any]] = {
    "time": [],
    "told": [],
    "client": TEXTS,
    "about": [],
    "truth": [[1], ["x"], [None], [{"a": 1}]],
}


@pytest.mark.parametrize("field", TOLD)
def test_odd_feedback_is_a_damaged_line(tmp_path: Path, field: str) -> None:
    one, two = told(), told()
    odd = [told(**{field: value}) for value in KINDS]
    right = {repr(value) for value in TOLD[field]}
    bad = [n for n, value in enumerate(KINDS, 4) if repr(value) not in right]
    file = forge(tmp_path, 1, NOTE, line(), one, *odd, two)
    query = "SELECT prediction_id::VARCHAR AS id FROM feedback"
    table, damage = heard(tmp_path, lambda: sql(tmp_path, query))
    kept = {*table["id"]}
    assert {*orjson.loads(one)["about"], *orjson.loads(two)["about"]} <= kept
    assert len(kept) == 2 + len(KINDS) - len(bad)
    assert [text.partition(": ")[0] for text in damage] == [
        f"{file}, line {n} is damaged and left out" for n in bad
    ]


NOTES: list[bytes] = [
    b'{"note":7,"details":{}}',
    b'{"note":"opened","time":"now","details":{}}',
    b'{"note":"opened","details":[]}',
    b'{"note":"opened","details":{},"more":1}',
    b'{"note":"deleted"}',
    b'{"else":1}',
    b"[1]",
]


def test_odd_notes_are_damaged_lines(tmp_path: Path) -> None:
    one = line()
    file = forge(tmp_path, 1, NOTE, *NOTES, one)
    table, damage = heard(tmp_path, lambda: read(tmp_path))
    assert table["prediction_id"].tolist() == ids_of(one)
    assert [text.partition(": ")[0] for text in damage] == [
        f"{file}, line {n} is damaged and left out" for n in range(2, 2 + len(NOTES))
    ]


def renamed(text: bytes, old: bytes, new: bytes) -> bytes:
    assert old in text
    return text.replace(old, new)


# What a line of the same form as good ones may hide, in digits, the letters a to f, and escapes.
ALIKE: dict[str, bytes] = {
    "a month": renamed(line(), b"2026-05-01T", b"2026-15-01T"),
    "a year": renamed(line(), b"2026-05", b"0026-05"),
    "a name": renamed(line(), b'"size"', b'"sizee"'),
    "a field": renamed(line(), b'"client"', b'"clientd"'),
    "a latency": renamed(line(), b"1.25", b"1.25e999"),
    "a number": renamed(line(), b"[1.5]", b"[01.5]"),
    "twice": renamed(line(), b'"marks"', b'"marks":{},"marks"'),
    "an id": renamed(line(), b'"ids":["0', b'"ids":["'),
    "an id of another kind": line(ids=["01a213d6-f074-4fd1-a9c7-d24c94173eeb"]),
}


@pytest.mark.parametrize("name", ALIKE)
def test_lookalike_lines_are_checked(tmp_path: Path, name: str) -> None:
    good = [line() for _ in range(5)]
    file = forge(tmp_path, 1, NOTE, *good[:2], ALIKE[name], *good[2:])
    table, damage = heard(tmp_path, lambda: read(tmp_path))
    assert {i for text in good for i in ids_of(text)} <= {*table["prediction_id"]}
    named = [text.startswith(f"{file}, line 4 is damaged and left out") for text in damage]
    assert named == ([] if name == "a name" else [True])


# A key twice, of which readers take one or the other.
TWICE: dict[str, bytes] = {
    "model": line()[:-1] + b',"model":"other","version":9}',
    "version": line()[:-1] + b',"version":9}',
    "before": b'{"model":"iris","model":"other",' + line().partition(b",")[2],
    "escaped": line()[:-1] + b',"mod\\u0065l":"other"}',
    "ids": line()[:-1] + b',"ids":["00000000-0000-7000-8000-000000000001"]}',
    "a feature": renamed(line(), b'"size":[1.5]', b'"size":[1.5],"size":[2.5]'),
    "late": b'{"model":"iris","digest":"0123456789ab","version":9,' + line().split(b",", 3)[3],
}


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("name", TWICE)
def test_repeated_keys_move_no_line(tmp_path: Path, name: str, opened: bool) -> None:
    good = [line() for _ in range(5)]
    file = forge(tmp_path, 1, NOTE, *good[:3], TWICE[name], *good[3:], opened=opened)
    table, damage = heard(tmp_path, lambda: read(tmp_path, version=1))
    assert table["prediction_id"].tolist() == [i for text in good for i in ids_of(text)]
    assert [text.startswith(f"{file}, line 5 is damaged and left out") for text in damage] == [True]


def test_repeated_keys_damage_feedback_and_notes(tmp_path: Path) -> None:
    odd = [told()[:-1] + b',"truth":["large"]}', NOTE[:-1] + b',"note":"deleted"}']
    file = forge(tmp_path, 1, NOTE, line(), *odd)
    assert heard(tmp_path, lambda: read(tmp_path))[1] == [
        f"{file}, line {n} is damaged and left out: the key {key!r} is there twice."
        for n, key in ((3, "truth"), (4, "note"))
    ]


def test_repeated_numbers_are_found(tmp_path: Path) -> None:
    lines = [NOTE, line(), line(), line()]
    content = b"".join(finish_line(t, n) for t, n in zip(lines, (1, 2, 2, 4), strict=True))
    folder = tmp_path / FOLDER
    folder.mkdir()
    file = sealed_name(folder / f"{SegmentName(1, 'abcd', 0)}{OPEN}", crc32(content))
    file.write_bytes(content)
    table, damage = heard(tmp_path, lambda: read(tmp_path))
    assert len(table) == 2
    assert damage[0] == f"{file}, line 3 is there twice; one is left out."


def test_a_score_beyond_numbers_is_damage(tmp_path: Path) -> None:
    good = [line(scores=[1.5]) for _ in range(5)]
    bad = renamed(line(scores=[1.5]), b'"scores":[1.5]', b'"scores":[1.5e999]')
    file = forge(tmp_path, 1, NOTE, *good, bad)
    table, damage = heard(tmp_path, lambda: read(tmp_path))
    assert table["score"].tolist() == [1.5] * 5
    assert [text.startswith(f"{file}, line 7 is damaged and left out") for text in damage] == [True]
