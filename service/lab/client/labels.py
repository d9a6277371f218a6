"""Labels: which class or number a truth means, for what a model predicts."""

import json
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from math import isfinite
from typing import Any

SWITCH = {"true": 1.0, "false": 0.0}


def truth_reader(classes: list[Any] | None, targets: list[str] | None) -> Callable[[str], Any]:
    """Return what turns a truth, as text from the log, into what the model predicts.

    Parameters
    ----------
    classes, targets : list or None
        As in a line of the log.

    Returns
    -------
    read : callable
        Returns a class or number; with several targets a dict of these by target, where a value
        that is none stays as it was told. None if the text means nothing of the kind.

    Examples
    --------
    >>> read = truth_reader([0, 1], None)
    >>> read("true"), read("1.0"), read("[0]"), read("maybe")
    (1, 1, 0, None)
    >>> truth_reader(None, ["low", "high"])("[1.5,2.5]")
    {'low': 1.5, 'high': 2.5}
    """
    if targets is None:
        read = label_reader(classes)

        def of_one(text: str) -> Any:
            if (found := read(text)) is None:
                told = _parsed(text)
                values = [*told.values()] if isinstance(told, dict) else told
                if isinstance(values, list) and len(values) == 1:  # a column of a single target
                    found = read(values[0])
            return found

        return of_one
    readers = {
        name: label_reader(None if classes is None else classes[place])
        for place, name in enumerate(targets)
    }

    def of_several(text: str) -> Any:
        told = _parsed(text)
        if isinstance(told, dict) and not told.keys() & readers.keys():
            told = [*told.values()]  # from a table whose columns have other names
        if isinstance(told, list) and len(told) == len(targets):
            told = dict(zip(targets, told, strict=True))
        if not isinstance(told, dict):
            return None
        found = {name: read(told[name]) for name, read in readers.items() if name in told}
        return told | {name: value for name, value in found.items() if value is not None}

    return of_several


def label_reader(
    classes: list[Any] | None, names: Mapping[str, str] | None = None
) -> Callable[[Any], Any]:
    """Return what turns a value into one of the classes, or into a number if there are none.

    A class may be given as it is, as text, as a number, or by its name for people. True and False
    are 1 and 0 if there are no other classes.

    Examples
    --------
    >>> read = label_reader(["0", "1"])
    >>> read(1.0), read(True), read("yes")
    ('1', '1', None)
    >>> label_reader([0, 1, 2])(True) is None
    True
    >>> label_reader(None)("2.5"), label_reader(None)("inf")
    (2.5, None)
    """
    if classes is None:
        return _number_of
    numbers = [_key(label) for label in classes]
    times = Counter(numbers)
    known: dict[Any, Any] = {
        key: label for key, label in zip(numbers, classes, strict=True) if times[key] == 1
    }
    known.pop(None, None)  # from labels that are no numbers
    switches = {("switch", str(label).casefold()): label for label in classes}
    if {*known} <= {("number", 0.0), ("number", 1.0)} and len(known) == len(classes):
        switches |= {
            ("switch", word): known[("number", number)]
            for word, number in SWITCH.items()
            if ("number", number) in known
        }
    known |= {key: label for key, label in switches.items() if key[1] in SWITCH}
    if names:
        known |= {names[str(label)]: label for label in classes if str(label) in names}
    known |= {str(label): label for label in classes}
    known |= {label: label for label in classes if not isinstance(label, bool)}

    def read(value: Any) -> Any:
        if type(value) is str and value in known:  # mostly it is
            return known[value]
        if isinstance(value, bool) or type(value).__name__ == "bool_":
            value = "true" if value else "false"
        keys = [value] if isinstance(value, Hashable) else []
        keys += [str(value), ("switch", str(value).casefold()), _key(value)]
        return next((known[key] for key in keys if key in known), None)

    return read


def _number_of(value: Any) -> int | float | None:
    """Read a finite number; None if it is none."""
    if isinstance(value, str):
        value = SWITCH.get(value.casefold(), value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    key = _key(value)
    return key[1] if key is not None and isfinite(key[1]) else None


def _key(value: Any) -> tuple[str, float] | None:
    """Read a number, as a key that equals no class."""
    try:
        return ("number", float(value))
    except (TypeError, ValueError, OverflowError):
        return None


def _parsed(text: str) -> Any:
    """Read JSON; None if it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None
