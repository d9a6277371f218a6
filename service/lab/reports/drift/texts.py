"""Texts: how a column of free texts in the log differs from training."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from service.contract.model.words import GROUPS, Words
from service.lab.reports.drift.chi_square import chi_square
from service.lab.reports.drift.comparison import Comparison
from service.lab.reports.drift.numbers import compare_numbers
from service.lab.reports.drift.psi import psi


def compare_texts(values: pd.Series, training: dict[str, Any], rows: int) -> Comparison:
    """Compare texts with the summary of a training column.

    There are three looks at them, and the one with the worst verdict is returned: at their length
    in characters; at the share of their words that no text of training has, which only matters if
    it grows; and at which words they have, one word of each text, in 100 groups.

    The share of unseen words is compared with that of the training texts, each seen as if it were
    new, that is, with the words that no other text of training has.

    Parameters
    ----------
    values : Series of shape (n_rows,)
        From the log.
    training : dict
        With missing, length, unseen, groups and vocabulary, as `baseline.of_texts` returns it.
    rows : int
        The number of rows in training.

    Examples
    --------
    >>> from service.contract.model.baseline import of_texts
    >>> texts = pd.Series(["a small red house", "a large red house"] * 100)
    >>> compare_texts(texts, of_texts(texts), 200).verdict
    'stable'
    >>> compare_texts(texts + " with a garden", of_texts(texts), 200).verdict
    'shifted'
    """
    present, missing = values.notna().to_numpy(), training.get("missing", 0)
    absent = {"missing": missing}
    texts = values[present].astype(str)
    words = Words.of(texts)
    share = words.unseen(training["vocabulary"])

    def column(numbers: Any) -> np.ndarray:
        filled = np.full(len(values), np.nan)
        filled[present] = numbers
        return filled

    lengths = column([len(text) for text in texts])
    length = compare_numbers(lengths, training["length"] | absent, rows, "length")
    unseen = compare_numbers(
        column(share), training["unseen"] | absent, rows, "unseen words", "less"
    )
    log = np.append(np.bincount(words.groups, minlength=GROUPS), (~present).sum())
    known = np.append(training["groups"], missing)
    statistic, p_value = chi_square(log, known) if len(values) else (np.nan, np.nan)
    which = replace(
        length,
        psi=psi(log, known),
        test="chi-square",
        statistic=statistic,
        p_value=p_value,
        log=words.groups,
        training=np.repeat(np.arange(GROUPS), training["groups"]),
        what="words",
    )
    unusual = float(share.mean()) if len(share) else np.nan
    return replace(Comparison.worst([length, unseen, which]), unusual=unusual)
