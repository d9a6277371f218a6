"""Baseline: a summary of the training data, kept with the version."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

from service.contract.files import read_regular
from service.contract.model.manifest import BASELINE, LARGEST
from service.contract.model.words import GROUPS, Words, group
from service.contract.signature.feature import Feature
from service.contract.signature.signature import Signature

QUANTILES = tuple(round(q / 10, 1) for q in range(11))
SAMPLE = 500
LISTED = 200
SINGLE = ("float16", "float32", "float[pyarrow]", "halffloat[pyarrow]")
EPOCH, SECOND = np.datetime64(0, "us"), np.timedelta64(1, "s")


def summarise(
    signature: Signature,
    table: pd.DataFrame,
    predictions: np.ndarray,
    scores: np.ndarray | None = None,
) -> dict[str, Any]:
    """Summarise each feature, the mix of predictions, and the scores if there are any.

    Numbers, dates and durations, and predicted numbers and scores, have deciles and a sample.
    Categories, booleans and predicted classes have counts. Texts have what `of_texts` describes.
    Of a private feature only missing values are counted: its values are not in the log, so there
    is nothing to compare.

    Parameters
    ----------
    signature : Signature
    table : DataFrame of shape (n_rows, n_features)
        The training table.
    predictions : ndarray of shape (n_rows,) or (n_rows, n_targets)
        What the estimator predicts for it.
    scores : ndarray of shape (n_rows,), optional
        The score that it gives each row.

    Returns
    -------
    baseline : dict
        With rows, features and predictions, as JSON can hold it; with scores if there are any.

    Examples
    --------
    >>> from service.contract.signature.output import Output
    >>> table = pd.DataFrame({"size": [2.0, 1.0, None]})
    >>> signature = Signature.from_table(table, Output(task="regression"))
    >>> summary = summarise(signature, table, np.array([1.0, 2.0, 3.0]))
    >>> summary["features"]["size"]["missing"], summary["features"]["size"]["sample"]
    (1, [1.0, 2.0])
    """
    features = {f.name: _of_feature(f, table[f.name]) for f in signature.features}
    targets = signature.output.targets
    mixes = [_mix(signature, column) for column in np.atleast_2d(np.asarray(predictions).T)]
    mix = mixes[0] if targets is None else dict(zip(targets, mixes, strict=True))
    baseline = {"rows": len(table), "features": features, "predictions": mix}
    return baseline if scores is None else baseline | {"scores": of_numbers(scores)}


def read(folder: Path) -> dict[str, Any]:
    """Read the baseline of a version from its folder, as `summarise` returned it."""
    baseline: dict[str, Any] = orjson.loads(read_regular(folder / BASELINE, LARGEST))
    return baseline


def _of_feature(feature: Feature, column: pd.Series) -> dict[str, Any]:
    missing = {"missing": int(column.isna().sum())}
    if feature.private:
        return missing
    if feature.kind == "text":
        return missing | of_texts(column.dropna())
    if feature.kind in ("category", "boolean"):
        return missing | of_categories(column.dropna())
    return of_numbers(numbers_of(feature, column))


def _mix(signature: Signature, predictions: np.ndarray) -> dict[str, Any]:
    """Summarise the predictions of one target, shape (n_rows,)."""
    if signature.output.task == "regression":
        return of_numbers(predictions.astype(float))
    return of_categories(pd.Series(predictions.tolist()))


def numbers_of(feature: Feature, column: pd.Series) -> np.ndarray:
    """Read a column of numbers, dates or durations; what is no finite number becomes NaN.

    Dates are seconds since 1970, in UTC if they have a zone; durations are seconds. Numbers have
    the precision that they had in training.

    Parameters
    ----------
    feature : Feature
    column : Series of shape (n_rows,)
        Of training or of the log.

    Returns
    -------
    ndarray of shape (n_rows,)

    Examples
    --------
    >>> single = Feature.from_column("size", pd.Series([0.1, None], dtype="float32"))
    >>> bool(numbers_of(single, pd.Series([0.1]))[0] == np.float32(0.1))
    True
    """
    if feature.kind == "datetime":
        times = pd.to_datetime(column, format="ISO8601", utc=True).dt.tz_localize(None)
        numbers = (times.to_numpy(dtype="datetime64[us]") - EPOCH) / SECOND
    elif feature.kind == "timedelta":
        numbers = pd.to_timedelta(column).to_numpy(dtype="timedelta64[us]") / SECOND
    else:
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        if feature.dtype.lower() in SINGLE:
            with np.errstate(over="ignore"):
                numbers = numbers.astype(np.float32).astype(float)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def of_numbers(values: np.ndarray) -> dict[str, Any]:
    """Summarise numbers, shape (n_rows,): deciles and a sample of the finite ones.

    Examples
    --------
    >>> of_numbers(np.array([1.0, 2.0, np.inf]))["missing"]
    1
    """
    present = values[np.isfinite(values)]
    missing = {"missing": len(values) - len(present)}
    if not len(present):
        return missing
    return missing | {
        # Halves, because the difference of two large numbers may be infinite.
        "quantiles": (2 * np.quantile(present / 2, QUANTILES)).tolist(),
        "sample": sample(present),
    }


def of_categories(column: pd.Series) -> dict[str, Any]:
    """Count categories, shape (n_rows,), with none missing.

    Of more than 200 only the 200 most frequent are listed. Then `once` and `twice` say how many
    categories were there once and twice, and `groups` has the rows of 100 groups, to which
    categories belong by their text alone.

    Examples
    --------
    >>> of_categories(pd.Series(["red", "blue", "red"]))
    {'counts': {'red': 2, 'blue': 1}}
    >>> many = of_categories(pd.Series(range(1000)))
    >>> len(many["counts"]), many["once"], many["twice"], sum(many["groups"])
    (200, 1000, 0, 1000)
    """
    counts = column.value_counts()
    counts = counts[counts > 0]
    listed = {str(label): int(rows) for label, rows in counts[:LISTED].items()}
    if len(counts) <= LISTED:
        return {"counts": listed}
    groups = [group(str(label)) for label in counts.index]
    return {
        "counts": listed,
        "once": int((counts == 1).sum()),
        "twice": int((counts == 2).sum()),
        "groups": np.bincount(groups, counts, GROUPS).astype(int).tolist(),
    }


def of_texts(column: pd.Series) -> dict[str, Any]:
    """Summarise texts, shape (n_rows,), with none missing, so that none can be read back.

    Kept are deciles and a sample of their length in characters, and of the share of their words
    that no other text has; the rows of 100 groups to which words belong; and a vocabulary, in
    which one can look for a word.

    Examples
    --------
    >>> summary = of_texts(pd.Series(["the cat", "the dog"]))
    >>> summary["length"]["sample"], summary["unseen"]["sample"], sum(summary["groups"])
    ([7.0, 7.0], [0.5, 0.5], 2)
    """
    texts = column.astype(str).tolist()
    words = Words.of(texts)
    return {
        "length": of_numbers(np.array([len(text) for text in texts], dtype=float)),
        "unseen": of_numbers(words.once),
        "groups": np.bincount(words.groups, minlength=GROUPS).tolist(),
        "vocabulary": words.vocabulary,
    }


def sample(values: np.ndarray) -> list[float]:
    """Return the values at up to 500 even ranks of a column, shape (n_rows,), in order.

    They are distributed like the whole column, and the same each time.

    Examples
    --------
    >>> sample(np.arange(1000.0))[:3], sample(np.arange(1000.0))[-1]
    ([0.0, 2.0, 4.0], 999.0)
    """
    ranks = np.linspace(0, len(values) - 1, min(SAMPLE, len(values))).round().astype(int)
    return np.sort(values)[ranks].tolist()  # type: ignore[no-any-return]
