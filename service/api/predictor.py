"""Predictor: a loaded estimator, and its fast path where that gives the same answers."""

from contextlib import suppress
from time import perf_counter
from typing import Any

from service.api.fast_path import FastPath, NoFastPathError
from service.contract import golden
from service.contract.errors import InputError
from service.contract.golden import Answers, Golden
from service.contract.signature import Columns, Signature

FAST_ROWS = 64  # more are quicker by scikit-learn itself
QUICK_SECONDS = 0.005  # for `FAST_ROWS`


class Predictor:
    """Answers checked columns as the estimator does.

    Parameters
    ----------
    estimator : fitted scikit-learn estimator
    signature : Signature
    rows : Golden
        What the fast path is tried on.
    perturbed : int
        On how many rows like them it is tried as well.

    Attributes
    ----------
    slow_because : str or None
        Why there is no fast path.
    quick : bool
        Whether its fast path answers so soon that the event loop need not be spared.
    """

    def __init__(
        self, estimator: Any, signature: Signature, rows: Golden, perturbed: int = 0
    ) -> None:
        self.estimator = estimator
        self.signature = signature
        self.slow_because: str | None = None
        self.quick = False
        self._fast: FastPath | None = None
        try:
            fast = FastPath(estimator, signature)
            self._prove(fast, rows, perturbed)
        except NoFastPathError as error:
            self.slow_because = f"{error}."
        else:
            self._fast = fast
            self.quick = self._takes(rows.columns) < QUICK_SECONDS

    def go_slowly(self, because: str) -> None:
        """Drop the fast path."""
        self._fast, self.quick, self.slow_because = None, False, because

    def __call__(self, columns: Columns) -> Answers:
        """Answer checked columns.

        Raises
        ------
        InputError
            The estimator cannot answer these rows.
        """
        if len(columns[self.signature.names[0]]) <= FAST_ROWS:
            try:
                return self.fast(columns)
            except NoFastPathError:
                pass
        return self._slowly(columns)

    def fast(self, columns: Columns) -> Answers:
        """Answer checked columns by the fast path.

        Raises
        ------
        NoFastPathError
            There is none, or it leaves these rows to the estimator.
        """
        if self._fast is None:
            raise NoFastPathError(self.slow_because)
        return self._fast(columns)

    def _takes(self, columns: Columns) -> float:
        """Measure the fast path on a full batch, in seconds; the best of three."""
        rows = golden.perturb(self.signature, columns, FAST_ROWS, unseen=False)
        times = []
        for _ in range(3):
            began = perf_counter()
            with suppress(NoFastPathError):
                self.fast(rows)
            times.append(perf_counter() - began)
        return min(times)

    def _slowly(self, columns: Columns) -> Answers:
        by_vote = self._fast is not None and self._fast.by_vote
        X = self.signature.table(columns)
        return golden.answer(self.estimator, self.signature.output, X, by_vote)

    def _prove(self, fast: FastPath, rows: Golden, perturbed: int) -> None:
        """Compare with the estimator, on golden rows and on rows like them."""
        tables = [self.signature.parse_columns(rows.columns)]
        for unseen in (False, True) if perturbed else ():
            tables.append(golden.perturb(self.signature, rows.columns, perturbed, unseen))
        for columns in tables:
            try:
                expected = self._slowly(columns)
            except InputError:
                continue  # the estimator refuses unseen categories, and the fast path leaves them
            difference = self._difference(fast, columns, expected)
            if difference:
                raise NoFastPathError(f"its answers differ from the estimator's: {difference}")

    def _difference(self, fast: FastPath, columns: Columns, expected: Answers) -> str | None:
        """Ask the fast path in small tables; what it leaves to the estimator is not compared."""
        for start in range(0, len(expected.predictions), FAST_ROWS):
            part = slice(start, start + FAST_ROWS)
            try:
                given = fast({name: values[part] for name, values in columns.items()})
            except NoFastPathError:
                continue
            chances = expected.probabilities
            same = Answers.model_construct(
                predictions=expected.predictions[part],
                probabilities=None if chances is None else chances[part],
            )
            difference = golden.disagreement(self.signature.output, same, given)
            if difference:
                return difference
        return None
