"""Reading: a request's rows, by name or by position, read into columns of checked values."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from service.contract.errors import InputError
from service.contract.signature.container import Columns
from service.contract.signature.refusal import Problem, listed, refused_names, refused_values
from service.contract.text import show

if TYPE_CHECKING:
    from service.contract.signature.signature import Signature

SHOWN_LENGTHS = 5
ABSENT = "is null; leave the key out where there is no value, as in a list of dicts"


def read_rows(signature: "Signature", rows: Any) -> Columns:
    """Read ``[{feature: value}, …]``, or rows that are lists in the order of training."""
    if not isinstance(rows, list) or not rows:
        raise InputError(
            "In the body, `rows` must be a list of objects, at least one, with a value for "
            "each feature."
        )
    if isinstance(rows[0], list):
        return _by_position(signature, rows)
    known, named = signature.known, []
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            what = "of another kind" if signature.private else show(row)
            raise InputError(f"Row {number} is {what}, but an object is expected.")
        named.append(row if row.keys() == known else _renamed(signature, row, number))
    if signature.container == "dicts":
        _check_present(signature, rows)
    return checked(signature, {name: [row[name] for row in named] for name in signature.names})


def read_columns(signature: "Signature", columns: Any) -> Columns:
    """Read ``{feature: [value, …]}``, or a list of columns in the order of training.

    In those of a list of dicts, null stands for a key that is absent.
    """
    if isinstance(columns, list):
        what = f"In the body, `columns` has length {len(columns)}"
        _check_width(signature, len(columns), what)
        columns = dict(zip(signature.names, columns, strict=True))
    if not isinstance(columns, dict) or not all(isinstance(c, list) for c in columns.values()):
        raise InputError(
            "In the body, `columns` must be an object with a list of values for each feature."
        )
    if columns.keys() != signature.known:
        columns = _renamed(signature, columns, None)
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) != 1 or not min(lengths.values()):
        shown = dict([*lengths.items()][:SHOWN_LENGTHS])
        shown |= next(({n: v} for n, v in lengths.items() if v != lengths[signature.names[0]]), {})
        raise InputError(f"All columns need the same number of rows, at least one: {shown}.")
    return checked(signature, columns)


def read_query(signature: "Signature", pairs: list[tuple[str, str]]) -> Columns:
    """Read the query of a URL as one row; an empty value is null."""
    texts: dict[str, Any] = dict(pairs)
    if len(texts) < len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise InputError(f"Feature {twice!r} is given twice. Give each feature once.")
    if texts.keys() != signature.known:
        texts = _renamed(signature, texts, None, absent="")
    return checked(signature, {f.name: [f.from_text(texts[f.name])] for f in signature.features})


def checked(signature: "Signature", columns: Columns) -> Columns:
    """Turn the values of columns into their features' own types.

    Raises
    ------
    InputError
        Some do not fit; the text and the details name each by feature and row.
    """
    parsed: Columns = {}
    problems: list[Problem] = []
    for feature in signature.features:
        parsed[feature.name], wrong = feature.parse(columns[feature.name])
        problems += wrong
    if problems:
        raise refused_values(signature.features, problems)
    return parsed


def _by_position(signature: "Signature", rows: list[Any]) -> Columns:
    """Read rows that are lists of values in the order of training."""
    for number, row in enumerate(rows):
        if not isinstance(row, list):
            raise InputError(f"Row {number} is no list, as row 0 is. Use one form for all.")
        _check_width(signature, len(row), f"Row {number} has length {len(row)}")
    columns = map(list, zip(*rows, strict=True))
    return checked(signature, dict(zip(signature.names, columns, strict=True)))


def _check_width(signature: "Signature", width: int, what: str) -> None:
    if width != len(signature.names):
        raise InputError(
            f"{what}, but the model has {len(signature.names)} features, in this order: "
            f"{listed(signature.features)}."
        )


def _check_present(signature: "Signature", rows: list[dict[str, Any]]) -> None:
    """Refuse a key with null in a dict: the estimator tells it from one that is absent."""
    problems: list[Problem] = [
        {"feature": name, "row": number, "problem": ABSENT}
        for number, row in enumerate(rows)
        for name, value in row.items()
        if value is None
    ]
    if problems:
        raise refused_values(signature.features, problems)


def _renamed(
    signature: "Signature", row: dict[str, Any], number: int | None, absent: Any = None
) -> dict[str, Any]:
    """Give values their names in the signature, where that can be told; else refuse them.

    Features of a list of dicts may be left out, as they were in training. A model that was
    fitted without names takes any names, in their order.
    """
    given = row.keys()
    if signature.container == "dicts" and given < signature.known:
        lists = [value for value in row.values() if isinstance(value, list)]
        if number is None and lists:
            absent = [None] * max(map(len, lists))
        return {name: row.get(name, absent) for name in signature.names}
    if signature.is_nameless and len(given) == len(signature.names) and not given & signature.known:
        return dict(zip(signature.names, row.values(), strict=True))
    raise refused_names(signature.features, [*given], number)
