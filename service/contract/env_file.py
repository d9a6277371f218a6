"""Env file: `.env` beside docker-compose.yml, read as Docker Compose reads it.

A notebook on the host so has the same settings as the stack beside it. This uses only the standard
library, because `make up` reads the file before anything is installed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ENTRY = re.compile(
    r"""[ \t]* (?:export[ \t]+)? (?P<name>[A-Za-z_][\w.-]*) [ \t]* [=:] [ \t]*
    (?: '(?P<literal> (?:\\'|[^'])* )' [ \t\r]* (?:\#[^\n]*)?
      | "(?P<quoted> (?:\\.|[^"\\])* )" [ \t\r]* (?:\#[^\n]*)?
      | (?!['"]) (?P<bare> [^\n]*? ) [ \t\r]* (?:[ ]\#[^\n]*)? )
    (?:\n|\Z)""",
    re.X | re.S,
)
ESCAPED = re.compile(r"\\([nrt\"\\$])")
MEANT = {"n": "\n", "r": "\r", "t": "\t", "$": "$$"}
VARIABLE = re.compile(
    r"""\$ (?: (?P<dollar>\$) | (?P<plain>[A-Za-z_]\w*)
             | \{ (?P<braced>[A-Za-z_]\w*) (?: (?P<operator>:?[-+]) (?P<word>[^{}]*) )? \} )""",
    re.X,
)


class EnvFile(NamedTuple):
    """The values that a file sets, by name, and its lines that set nothing."""

    values: dict[str, str]
    unread: list[str]


def read(file: Path, environment: Mapping[str, str]) -> EnvFile:
    """Read an env file; one that does not exist sets nothing.

    Parameters
    ----------
    file : Path
    environment : mapping of str to str
        Variables that values of the file may name; they take precedence over the file.

    Raises
    ------
    OSError, UnicodeDecodeError
        The file cannot be read.
    """
    if environment.get("COMPOSE_DISABLE_ENV_FILE", "").lower() in ("1", "true", "t"):
        return EnvFile({}, [])  # as in Compose
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return EnvFile({}, [])
    return parse(text, environment)


def settings(file: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Read the values of an env file, or refuse it.

    Raises
    ------
    ValueError
        It cannot be read, or a line is no setting; the text says what to do.
    """
    try:
        values, unread = read(file, environment)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{file} cannot be read ({error}). Make it a readable text file."
        ) from error
    for line in unread:
        if not line.isidentifier():  # a name alone sets nothing, as in Compose
            raise ValueError(
                f"The line {line!r} in {file} is no setting. Write NAME=value, or remove it."
            )
    return values


def parse(text: str, environment: Mapping[str, str]) -> EnvFile:
    r"""Read the text of an env file; see `read`.

    Examples
    --------
    >>> parse("export A=one # a comment\nB='$A #'\nC=\"$A\\n${D:-two}\"\nE F\n", {}).values
    {'A': 'one', 'B': '$A #', 'C': 'one\ntwo'}
    >>> parse("A=one\nB=${A}\nE F\n", {"A": "two"})
    EnvFile(values={'A': 'one', 'B': 'two'}, unread=['E F'])
    """
    values: dict[str, str] = {}
    unread: list[str] = []
    place = 0
    while place < len(text):
        entry = ENTRY.match(text, place)
        if entry is None:
            line, _, _ = text[place:].partition("\n")
            place += len(line) + 1
            if line.strip() and not line.lstrip().startswith("#"):
                unread.append(line.strip())
            continue
        place = entry.end()
        values[entry["name"]] = _value(entry, values | dict(environment))
    return EnvFile(values, unread)


def _value(entry: re.Match[str], known: Mapping[str, str]) -> str:
    if entry["literal"] is not None:
        return entry["literal"].replace(r"\'", "'")
    text = entry["bare"]
    if entry["quoted"] is not None:
        text = ESCAPED.sub(lambda found: MEANT.get(found[1], found[1]), entry["quoted"])
    return VARIABLE.sub(lambda found: _expanded(found, known), text)


def _expanded(found: re.Match[str], known: Mapping[str, str]) -> str:
    if found["dollar"]:
        return "$"
    value, operator = known.get(found["plain"] or found["braced"]), found["operator"] or ""
    is_set = bool(value) if operator.startswith(":") else value is not None
    if operator.endswith("+"):
        return found["word"] if is_set else ""
    return (value if is_set else found["word"]) or ""
