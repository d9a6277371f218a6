"""Golden rows: inputs kept with a version, with the answers of the trained estimator.

A loaded model must give these answers again before it serves.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from service.contract.errors import ArtifactError, InputError, LabloopError
from service.contract.model.signature import Columns, Output, Signature, as_columns

COUNT = 50
TOLERANCE = 1e-6
KEPT_BACK = "Its own words are kept back, since they may hold values of private features."


class Answers(BaseModel):
    """What an estimator gives for a table.

    One prediction a row; probabilities one a class, in lists or as an array of
    shape (n_rows, n_classes). Where there are several targets, each row holds a
    list of them.
    """

    predictions: list[Any]
    probabilities: Any = None


class Golden(BaseModel):
    """Some rows in JSON columns, and the answers to them."""

    columns: dict[str, list[Any]]
    answers: Answers


def answer(
    estimator: Any,
    output: Output,
    X: pd.DataFrame | np.ndarray,
    by_vote: bool = False,
    discreet: bool = False,
) -> Answers:
    """Ask an estimator about a table, shape (n_rows, n_features).

    Parameters
    ----------
    by_vote : bool
        Whether its `predict` is by definition the class of the highest
        `predict_proba`, as a forest's is: then it is asked once instead of twice.
    discreet : bool
        Whether to keep back the estimator's own words, which may hold values.

    Raises
    ------
    InputError
        The estimator raises on this table, e.g. on a category that it never saw.
    """
    try:
        chances = estimator.predict_proba(X) if output.probabilities else None
        if by_vote and isinstance(chances, np.ndarray) and output.classes is not None:
            predictions = [output.classes[best] for best in chances.argmax(axis=1).tolist()]
        else:
            predictions = np.asarray(estimator.predict(X)).tolist()
    except (ValueError, LookupError) as error:  # a lookup: what some raise on an unseen category
        if discreet:
            raise InputError(f"The model cannot answer these rows. {KEPT_BACK}") from None
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(f"The model cannot answer these rows: {reason}.") from error
    if isinstance(chances, list):  # an array a target
        chances = [list(row) for row in zip(*(each.tolist() for each in chances), strict=True)]
    elif chances is not None:
        chances = np.ascontiguousarray(chances, dtype=np.float64)  # orjson writes it as it is
    return Answers.model_construct(predictions=predictions, probabilities=chances)


def choose(estimator: Any, signature: Signature, table: pd.DataFrame) -> Golden:
    """Choose up to 50 training rows, those with missing values among them, and answer them."""
    holes = table.index[table.isna().any(axis=1)][: COUNT // 5]
    others = table.index.difference(holes)
    spread = others[
        np.linspace(0, len(others) - 1, min(COUNT - len(holes), len(others))).astype(int)
    ]
    rows = table.loc[holes.union(spread)].reset_index(drop=True)
    X = rows if signature.container == "frame" else rows.to_numpy()
    answers = answer(estimator, signature.output, X)
    if isinstance(answers.probabilities, np.ndarray):
        answers.probabilities = answers.probabilities.tolist()
    return Golden(columns=as_columns(rows), answers=answers)


def asking(
    estimator: Any, signature: Signature, by_vote: bool = False
) -> Callable[[Columns], Answers]:
    """Give a function that asks an estimator about checked columns."""
    output, discreet = signature.output, bool(signature.private)

    def ask(columns: Columns) -> Answers:
        with discreetly(signature):
            return answer(estimator, output, signature.table(columns), by_vote, discreet)

    return ask


@contextmanager
def discreetly(signature: Signature) -> Iterator[None]:
    """With private features, replace an error that is not ours: its words may hold values."""
    try:
        yield
    except LabloopError:
        raise
    except Exception as error:  # whatever a user's estimator raises
        if not signature.private:
            raise
        raise LabloopError(f"The model fails: {type(error).__name__}. {KEPT_BACK}") from None


def prove(ask: Callable[[Columns], Answers], signature: Signature, golden: Golden) -> None:
    """Ask the golden rows, in the form in which a request brings them.

    Parameters
    ----------
    ask : callable
        Answers checked columns; what is to be proved.
    signature : Signature
    golden : Golden

    Raises
    ------
    ArtifactError
        An answer differs from the one that the trained estimator gave.
    """
    try:
        given = ask(signature.parse_columns(golden.columns))
    except InputError as error:
        raise ArtifactError(f"The golden rows are not answered: {error}") from error
    if signature.output.probabilities != (golden.answers.probabilities is not None):
        raise ArtifactError("The golden rows and the signature differ about probabilities.")
    difference = disagreement(signature.output, golden.answers, given, bool(signature.private))
    if difference:
        raise ArtifactError(
            f"Golden {difference} in training. "
            "The files or the library versions differ from those of the training."
        )


def disagreement(
    output: Output, expected: Answers, given: Answers, discreet: bool = False
) -> str | None:
    """Say where answers differ: a label, or a number by more than 1e-6; None if nowhere.

    `discreet` leaves out the answers themselves.

    Examples
    --------
    >>> number = Output(task="regression")
    >>> disagreement(number, Answers(predictions=[1.0, 2.0]), Answers(predictions=[1.0, 2.1]))
    'row 1 is answered 2.1; it was 2.0'
    """
    if output.task == "regression":
        want = np.array(expected.predictions, dtype=float)  # None, as JSON has it, is NaN
        got = np.array(given.predictions, dtype=float)
        far = ~np.isclose(got, want, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        rows = np.flatnonzero(far.reshape(len(far), -1).any(axis=1)).tolist()
    else:
        pairs = enumerate(zip(expected.predictions, given.predictions, strict=True))
        rows = [row for row, (want, got) in pairs if repr(want) != repr(got)]
    if rows:
        if discreet:
            return f"row {rows[0]} is answered otherwise than"
        was, now = expected.predictions[rows[0]], given.predictions[rows[0]]
        return f"row {rows[0]} is answered {now!r}; it was {was!r}"
    if expected.probabilities is not None:
        want, got = _numbers(expected.probabilities), _numbers(given.probabilities)
        if want.shape != got.shape:
            return f"rows have probabilities of shape {got.shape}; it was {want.shape}"
        far = ~np.isclose(got, want, rtol=0, atol=TOLERANCE, equal_nan=True).all(axis=1)
        if far.any():
            row = int(np.flatnonzero(far)[0])
            if discreet:
                return f"row {row} has other probabilities than"
            return (
                f"row {row} has the probabilities {got[row].tolist()}; it was {want[row].tolist()}"
            )
    return None


def perturb(signature: Signature, columns: Columns, count: int, unseen: bool) -> Columns:
    """Make rows like the golden ones, always the same.

    Numbers are moved by about a tenth of their trained range, categories drawn
    anew (with ones that training never saw, if `unseen`), and what may be
    missing is missing in a tenth of the rows.
    """
    random = np.random.default_rng(0)
    base = random.integers(len(columns[signature.names[0]]), size=count)
    table: Columns = {}
    for feature in signature.features:
        values = [columns[feature.name][row] for row in base]
        if feature.kind in ("number", "integer"):
            low, high = feature.minimum or 0, feature.maximum or 0
            shift = random.normal(scale=0.1 * (high - low), size=count).tolist()
            values = [v if v is None else v + s for v, s in zip(values, shift, strict=True)]
            if feature.kind == "integer":
                values = [v if v is None else min(max(round(v), low), high) for v in values]
        elif feature.kind == "category":
            known = [*(feature.categories or [])]
            known += [type(known[0])("987654321")] if unseen else []
            values = [known[i] for i in random.integers(len(known), size=count)]
        holes = random.random(count) < (0.1 if feature.nullable else 0)
        table[feature.name] = [None if h else v for v, h in zip(values, holes, strict=True)]
    return table


def _numbers(rows: Any) -> np.ndarray:
    """Lay the probabilities of each row in a line, shape (n_rows, n_probabilities)."""
    if isinstance(rows, np.ndarray):
        return rows
    flat = [
        [chance for part in row for chance in (part if isinstance(part, list) else [part])]
        for row in rows
    ]
    return np.array(flat, dtype=float).reshape(len(rows), -1)
