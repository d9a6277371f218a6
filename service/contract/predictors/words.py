"""Words: texts turned into counts of words, as scikit-learn's vectorizers do.

A table of words has tens of thousands of columns, and a row of it a few dozen values. So only the
columns that some text needs are computed, and a linear model is asked about these alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer

from service.contract.predictors.no_fast_path import NoFastPathError

VECTORIZERS = (CountVectorizer, TfidfVectorizer)
MOST_CHARACTERS = 50_000  # of all texts at once; more would keep the event loop busy


@dataclass(frozen=True, eq=False)
class Wide:
    """Some columns of a wide table; all others are 0.

    Parameters
    ----------
    block : ndarray of shape (n_rows, n_used)
    used : ndarray of shape (n_used,)
        The columns' places in the whole table.
    width : int
        How many columns the whole table has.
    """

    block: np.ndarray
    used: np.ndarray
    width: int


def side_by_side(parts: list[Any]) -> Any:
    """Put blocks beside each other; the result is wide if one of them is.

    Examples
    --------
    >>> wide = Wide(np.ones((1, 1)), np.array([7]), 100)
    >>> side_by_side([np.zeros((1, 2)), wide]).used
    array([0, 1, 9])
    """
    if not any(isinstance(part, Wide) for part in parts):
        return np.hstack(parts)
    blocks, used, width = [], [], 0
    for part in parts:
        if not isinstance(part, Wide):
            part = Wide(part.astype(float), np.arange(part.shape[1]), part.shape[1])
        blocks.append(part.block)
        used.append(part.used + width)
        width += part.width
    return Wide(np.hstack(blocks), np.concatenate(used), width)


def counter(vectorizer: Any) -> Callable[[np.ndarray], Wide]:
    """Return a fitted vectorizer's arithmetic, from texts of shape (n_rows, 1).

    Raises
    ------
    NoFastPathError
        It counts in another type than float64 or integers.
    """
    weigh = None
    if type(vectorizer) is TfidfVectorizer:
        if np.dtype(vectorizer.dtype) != np.float64:
            raise NoFastPathError(f"a TfidfVectorizer to {np.dtype(vectorizer.dtype)} has none")
        weigh = weigher(vectorizer._tfidf)
    analyze, vocabulary = vectorizer.build_analyzer(), vectorizer.vocabulary_
    binary, width = vectorizer.binary, len(vocabulary)

    def count(X: np.ndarray) -> Wide:
        texts = X[:, 0].tolist()
        if sum(map(len, texts)) > MOST_CHARACTERS:
            raise NoFastPathError("the texts are long")
        places: dict[int, int] = {}  # of a column in the block
        rows, columns = [], []
        for row, text in enumerate(texts):
            for word in analyze(text):
                column = vocabulary.get(word)
                if column is not None:
                    rows.append(row)
                    columns.append(places.setdefault(column, len(places)))
        block = np.zeros((len(texts), len(places)))
        found = np.array(rows, dtype=np.intp), np.array(columns, dtype=np.intp)
        if binary:
            block[found] = 1
        else:
            np.add.at(block, found, 1)
        wide = Wide(block, np.array([*places], dtype=np.intp), width)
        return wide if weigh is None else weigh(wide)

    return count


def weigher(tfidf: TfidfTransformer) -> Callable[[Wide], Wide]:
    """Return the arithmetic of a fitted TfidfTransformer."""
    idf = tfidf.idf_ if tfidf.use_idf else None
    norm, sublinear = tfidf.norm, tfidf.sublinear_tf

    def weigh(counts: Wide) -> Wide:
        block = counts.block
        if sublinear:
            block = np.where(block > 0, np.log(np.where(block > 0, block, 1)) + 1, 0)
        if idf is not None:
            block = block * idf[counts.used]
        if norm is not None:
            sizes = np.abs(block) if norm == "l1" else block**2
            lengths = sizes.sum(axis=1, keepdims=True)
            lengths = lengths if norm == "l1" else np.sqrt(lengths)
            block = block / np.where(lengths == 0, 1, lengths)
        return Wide(block, counts.used, counts.width)

    return weigh
