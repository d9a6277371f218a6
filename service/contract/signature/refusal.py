"""Refusal: what is said of names and values that do not fit a model's features."""

from difflib import get_close_matches
from typing import Any

from service.contract.errors import InputError
from service.contract.signature.feature import Feature
from service.contract.text import printable

SHOWN_PROBLEMS = 20
SHOWN_FEATURES = 50  # with more, no similar name is looked for: it would take long

Problem = dict[str, Any]
"""A feature, its row counted from 0 (None for all), and in words what is wrong with it."""


def refused_values(features: list[Feature], problems: list[Problem]) -> InputError:
    """Name values that do not fit, each by feature and row.

    Examples
    --------
    >>> import pandas as pd
    >>> size = Feature.from_column("size", pd.Series([1.0]))
    >>> problem = {"feature": "size", "row": 3, "problem": "is 'big'"}
    >>> str(refused_values([size], [problem]))
    "Feature 'size' in row 3 is 'big'. Expected: size (number)."
    """
    words = [f"Feature {p['feature']!r} in row {p['row']} {p['problem']}" for p in problems]
    return _refusal(features, words, problems)


def refused_names(features: list[Feature], given: list[Any], row: int | None) -> InputError:
    """Name features that are not known, with a similar one, and those that are missing."""
    names = [feature.name for feature in features]
    known, present = {*names}, {*given}
    problems: list[Problem] = []
    missing = [name for name in names if name not in present]
    where = "" if row is None else f" in row {row}"
    meant = (missing or names) if len(names) <= SHOWN_FEATURES else []
    for name in map(printable, given):
        if name not in known:
            shown = len(problems) < SHOWN_PROBLEMS
            near = get_close_matches(name[:99], meant, n=1) if shown else []
            hint = f"; did you mean {near[0]!r}?" if near else ""
            problems.append({"feature": name, "row": row, "problem": f"is not known{hint}"})
    problems += [{"feature": n, "row": row, "problem": "is missing"} for n in missing]
    words = [f"Feature {p['feature']!r}{where} {p['problem']}" for p in problems]
    return _refusal(features, words, problems)


def listed(features: list[Feature]) -> str:
    """Describe the first features, and count the rest."""
    expected = ", ".join(feature.describe() for feature in features[:SHOWN_FEATURES])
    more = len(features) - SHOWN_FEATURES
    return expected + (f", and {more} more" if more > 0 else "")


def _refusal(features: list[Feature], words: list[str], problems: list[Problem]) -> InputError:
    shown = [each if each.endswith("?") else f"{each}." for each in words[:3]]
    more = f" And {len(words) - 3} more." if len(words) > 3 else ""
    message = f"{' '.join(shown)}{more} Expected: {listed(features)}."
    return InputError(message, problems[:SHOWN_PROBLEMS])
