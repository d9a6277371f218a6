"""Predictor: a loaded estimator, and its fast path where that gives the same predictions."""

from contextlib import suppress
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
from joblib import parallel_config

from service.contract.errors import InputError
from service.contract.model import golden
from service.contract.model.golden import Golden
from service.contract.predictors.estimator_math import is_by_vote
from service.contract.predictors.fast_path import FastPath
from service.contract.predictors.no_fast_path import NoFastPathError
from service.contract.signature.predictions import Predictions, disagreement, predict_columns
from service.contract.signature.signature import Columns, Signature

FAST_ROWS = 64  # more are quicker by scikit-learn itself, or by a forest's own trees
QUICK_SECONDS = 0.005  # for `FAST_ROWS`
ONE_BY_ONE = 8  # rows of each small table that the estimator refuses are looked at


@dataclass(frozen=True)
class Verdict:
    """What validation found out about a fast path.

    `slow_because` says why there is none. `quick` is whether it predicts so soon
    that the event loop need not be spared; `trees`, see `FastPath`.
    """

    slow_because: str | None = None
    quick: bool = False
    trees: bytes | None = None


class Predictor:
    """Predicts checked columns as the estimator does.

    Parameters
    ----------
    estimator : fitted scikit-learn estimator
    signature : Signature
    verdict : Verdict, optional
        What validation found out.

    Attributes
    ----------
    verdict : Verdict
    """

    def __init__(
        self, estimator: Any, signature: Signature, verdict: Verdict | None = None
    ) -> None:
        self.estimator = estimator
        self.signature = signature
        self.verdict = verdict or Verdict()
        self._by_vote = is_by_vote(estimator)
        self._fast: FastPath | None = None
        if self.verdict.slow_because is None:
            try:
                self._fast = FastPath(estimator, signature, self.verdict.trees)
                self.verdict = replace(self.verdict, trees=None)  # they are in memory once
            except NoFastPathError as error:
                self._go_slowly(error)

    def try_fast_path(self, rows: Golden, count: int) -> None:
        """Compare with the estimator on golden rows, many like them, and unseen categories.

        Where a prediction differs, the fast path is dropped. Then see how long it takes.
        """
        if self._fast is None:
            return
        kept = self.signature.parse_columns(rows.columns)
        try:
            compared = self._compare(kept, rows.expected)
            tables = [golden.perturb(self.signature, kept, count, each) for each in (False, True)]
            for columns, expected in zip(tables, self._expected_of(tables), strict=True):
                compared += self._compare(columns, expected)
                self._compare_whole(columns, expected)
            if compared < count / 10:
                raise NoFastPathError("it leaves nearly all rows to the estimator")
        except NoFastPathError as error:
            self._go_slowly(error)
        if self._fast is not None:
            quick = self._takes(kept) < QUICK_SECONDS
            self.verdict = Verdict(quick=quick, trees=self._fast.trees())

    def __call__(self, columns: Columns) -> Predictions:
        """Predict checked columns.

        Raises
        ------
        InputError
            The estimator cannot predict these rows.
        """
        with suppress(NoFastPathError):
            return self.fast(columns)
        return self._slowly(columns)

    def many(self, columns: Columns) -> Predictions:
        """Predict checked columns as those of a large table, however few rows there are.

        So the predictions of a table do not depend on how it is cut.

        Raises
        ------
        InputError
            The estimator cannot predict these rows.
        """
        with suppress(NoFastPathError):
            return self.fast(columns, few=False)
        return self._slowly(columns)

    def fast(self, columns: Columns, few: bool | None = None) -> Predictions:
        """Predict checked columns by the fast path; `few` is for the rows of a small table.

        Raises
        ------
        NoFastPathError
            There is none, or it leaves these rows to the estimator.
        """
        if self._fast is None:
            raise NoFastPathError(self.verdict.slow_because)
        if few is None:
            few = len(columns[self.signature.names[0]]) <= FAST_ROWS
        try:
            return self._fast(columns) if few else self._fast.table(columns)
        except NoFastPathError:
            raise
        except Exception as error:  # the estimator knows what to do, or says what is wrong
            raise NoFastPathError("it fails") from error

    def _go_slowly(self, because: NoFastPathError) -> None:
        reason, cause = str(because), because.__cause__
        if cause is not None:
            reason += f": {type(cause).__name__}"
            # What a library says may hold a value of training.
            reason += "" if self.signature.private else f": {cause}"
        self._fast, self.verdict = None, Verdict(slow_because=f"{reason}.")

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

    def _slowly(self, columns: Columns) -> Predictions:
        # An estimator's n_jobs starts no processes; a number that is too large for it is refused by
        # itself, and not announced in the API's output besides.
        with parallel_config(backend="threading"), np.errstate(over="ignore"):
            return predict_columns(self.estimator, self.signature, columns, self._by_vote)

    def _expected(self, columns: Columns) -> Predictions | None:
        """Ask the estimator; None where it refuses these rows."""
        try:
            return predict_columns(self.estimator, self.signature, columns, self._by_vote)
        except InputError:
            return None

    def _expected_of(self, tables: list[Columns]) -> list[Predictions | None]:
        """Ask the estimator about tables of one length; once, where it takes them as one."""
        if len(self.signature.alike(tables)) == 1:
            names, count = self.signature.names, len(tables[0][self.signature.names[0]])
            whole = {name: [value for each in tables for value in each[name]] for name in names}
            if (given := self._expected(whole)) is not None:
                return [_slice(given, part * count, count) for part in range(len(tables))]
        return [self._expected(each) for each in tables]

    def _compare(self, columns: Columns, expected: Predictions | None) -> int:
        """Compare the fast path's predictions, in small tables; return how many rows were compared.

        Where it leaves a table to the estimator, the rows are predicted one by one.

        Raises
        ------
        NoFastPathError
            A prediction differs, or the estimator refuses what is predicted.
        """
        compared, count = 0, len(columns[self.signature.names[0]])
        for start in range(0, count, FAST_ROWS):
            part, known = _rows(columns, start, FAST_ROWS), _slice(expected, start, FAST_ROWS)
            known = known or self._expected(part)
            rows = min(FAST_ROWS, count - start)
            try:
                given = self.fast(part)
            except NoFastPathError:
                if count > 1:
                    compared += sum(
                        self._compare(_rows(part, row, 1), _slice(known, row, 1))
                        for row in range(rows if known else min(rows, ONE_BY_ONE))
                    )
                continue
            self._check(given, known)
            compared += rows
        return compared

    def _compare_whole(self, columns: Columns, expected: Predictions | None) -> None:
        """Compare the predictions for a large table, as one.

        Raises
        ------
        NoFastPathError
            As `_compare`.
        """
        try:
            given = self.fast(columns)
        except NoFastPathError:
            return  # large tables are the estimator's own
        self._check(given, expected)

    def _check(self, given: Predictions, expected: Predictions | None) -> None:
        if expected is None:
            raise NoFastPathError("it predicts what the estimator refuses")
        difference = disagreement(self.signature, expected, given)
        if difference:
            differs = "its predictions differ from the estimator's"
            raise NoFastPathError(differs if self.signature.private else f"{differs}: {difference}")


def _rows(columns: Columns, start: int, count: int) -> Columns:
    return {name: values[start : start + count] for name, values in columns.items()}


def _slice(given: Predictions | None, start: int, count: int) -> Predictions | None:
    if given is None:
        return None
    part = slice(start, start + count)
    probabilities, scores = given.probabilities, given.scores
    return Predictions.model_construct(
        predictions=given.predictions[part],
        probabilities=None if probabilities is None else probabilities[part],
        scores=None if scores is None else scores[part],
    )
