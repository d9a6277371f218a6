"""Publication: a fitted estimator, checked and written as a model version."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from service.contract.build import build
from service.contract.errors import ArtifactError, EstimatorError, LabloopError
from service.contract.model import baseline, golden
from service.contract.model.entries import check_name
from service.contract.model.manifest import BASELINE, GOLDEN, MODEL, Manifest
from service.contract.model.store import ModelStore
from service.contract.model_file import artifact
from service.contract.signature.output import Output
from service.contract.signature.predictions import Predictions, finite, predict_columns
from service.contract.signature.signature import Signature
from service.contract.table import Table
from service.contract.text import printable, show
from service.lab.publish.remarks import class_names_of, metrics_of, parameters_of, private_of
from service.lab.publish.revision import is_dirty
from service.lab.publish.tolerance import tolerant


@dataclass(frozen=True)
class ModelVersion:
    """A published version, as `Lab.publish` returns it.

    `passed_over` holds the numbers of the deleted versions that a rollback passed over.
    """

    model: str
    version: int
    live: bool
    manifest: Manifest
    workers: int = 1
    passed_over: tuple[int, ...] = ()

    def __str__(self) -> str:
        where = "live" if self.live else "published, not live"
        if self.live and self.workers > 1:
            where = f"live in {self.workers} workers"
        if self.passed_over:
            verb = "is" if len(self.passed_over) == 1 else "are"
            where += f"; {', '.join(map(str, self.passed_over))} {verb} deleted and passed over"
        return f"{self.model} version {self.version} ({where})"

    def _repr_html_(self) -> str:
        manifest = self.manifest
        lines = {
            "estimator": manifest.estimator,
            "metrics": ", ".join(f"{k} {v:.4g}" for k, v in manifest.metrics.items()),
            "features": ", ".join(f.describe() for f in manifest.signature.features),
            "classes": ", ".join(map(manifest.class_name, manifest.signature.output.classes or [])),
            "targets": ", ".join(manifest.signature.output.targets or []),
            "trained on": f"{manifest.rows} rows, with "
            + ", ".join(f"{name} {number}" for name, number in manifest.libraries.items()),
            "commit": manifest.commit,
        }
        rows = "".join(
            f'<tr><th style="text-align:left;white-space:nowrap">{name}</th>'
            f'<td style="text-align:left">{escape(text)}</td></tr>'
            for name, text in lines.items()
            if text
        )
        return f"<p><b>{escape(str(self))}</b></p><table>{rows}</table>"


class Publication:
    """A fitted estimator with its training data, checked before anything is written.

    Parameters
    ----------
    name : str
    estimator : fitted scikit-learn estimator
    X : DataFrame, ndarray or another form, shape (n_rows, n_features)
        The table that it was fitted with; see `Table.of`.
    y : array-like of shape (n_rows,)
        The target, as long as `X`.
    private : iterable of str
        Features whose values are never logged or shown.
    kinds : mapping of str to str, optional
        "text" or "category" for columns of text.

    Raises
    ------
    EstimatorError
        It has no `predict`, is not fitted, or does not fit `X`.
    """

    def __init__(
        self,
        name: str,
        estimator: Any,
        X: Any,
        y: Any,
        private: Iterable[str] = (),
        kinds: Mapping[str, str] | None = None,
    ) -> None:
        check_name(name)
        self.name = name
        self.estimator = estimator
        kind = type(estimator).__name__
        if isinstance(estimator, type) or not callable(getattr(estimator, "predict", None)):
            raise EstimatorError(f"{kind} has no `predict`. Publish a fitted estimator.")
        try:
            check_is_fitted(estimator)
        except NotFittedError as error:
            raise EstimatorError(f"{kind} is not fitted. Call its `fit(X, y)` first.") from error
        except TypeError as error:
            raise EstimatorError(f"{kind} is not a scikit-learn estimator: {error}") from error
        table = Table.of(X)
        rows = len(table.frame)
        if y is None:
            raise EstimatorError("y is None. Pass the target, one value for each row of X.")
        shape = _shape_of(y)
        if rows != shape[0]:
            raise EstimatorError(f"X has {rows} rows, but y has {shape[0]}.")
        inputs = Signature.from_table(table, Output(task="regression"), kinds)
        inputs = inputs.keep_private(private_of(private))
        try:
            predictions = np.asarray(estimator.predict(X))
            self._check_shape(predictions.shape, rows)
            if len(shape) > 1 and shape[1:] != (predictions.shape[1:] or (1,)):
                raise EstimatorError(
                    f"y has shape {shape}, but {kind} predicts {predictions.shape}. Pass the y "
                    "that it was fitted with."
                )
            finite(Predictions(predictions=predictions.tolist()))
            output = Output.of(estimator, y, predictions)
            self._check_classes(output.classes or [])
            signature = inputs.model_copy(update={"output": output})
            self.golden = golden.make(estimator, signature, table.frame, predictions)
            self.signature = tolerant(estimator, signature, self.golden.columns)
            reference = partial(predict_columns, estimator, self.signature)
            golden.prove(reference, self.signature, self.golden)
        except EstimatorError:
            raise
        except LabloopError as error:
            raise EstimatorError(f"{kind} does not fit X. {error}") from error
        except Exception as error:  # whatever a user's estimator raises
            raise EstimatorError(f"{kind} does not fit X: {error}") from error
        self.rows = rows
        self.baseline = baseline.summarise(self.signature, table.frame, predictions)

    def write(
        self,
        store: ModelStore,
        metrics: Mapping[str, float],
        class_names: Sequence[str] | None,
        parameters: Mapping[str, Any],
    ) -> int:
        """Write the version.

        Parameters
        ----------
        store : ModelStore
        metrics : mapping of str to float
        class_names : sequence of str, shape (n_classes,), or None
        parameters : mapping

        Returns
        -------
        version : int
            Its number.

        Raises
        ------
        EstimatorError
            A metric is no finite number, a parameter cannot be written as JSON, the class names
            do not fit, or the API would refuse the model file; nothing was written.
        """
        built = build()
        kind = type(self.estimator).__name__
        try:
            described = _describe(self.estimator)
        except Exception as error:  # whatever a user's estimator raises
            raise EstimatorError(f"{kind} cannot be shown: its repr fails ({error!r}).") from error
        manifest = Manifest(
            model=self.name,
            estimator=described,
            rows=self.rows,
            signature=self.signature,
            class_names=class_names_of(class_names, self.signature.output.classes),
            metrics=metrics_of(metrics),
            parameters=parameters_of(parameters),
            image=built.image,
            git_revision=built.revision or None,
            git_dirty=is_dirty(built),
        )

        model = self._model()
        try:
            Manifest.model_validate_json(manifest.model_dump_json())
            rows, summary = self.golden.model_dump_json(), orjson.dumps(self.baseline)
        except (ValueError, TypeError) as error:
            reason = printable(" ".join(str(error).split()))
            raise EstimatorError(
                f"{kind} cannot be published: its classes, features or golden rows cannot be "
                f"written as JSON and read back. {reason}"
            ) from error

        def fill(folder: Path) -> Manifest:
            (folder / MODEL).write_bytes(model)
            (folder / GOLDEN).write_text(rows)
            (folder / BASELINE).write_bytes(summary)
            return manifest

        return store.add(self.name, fill)

    def _model(self) -> bytes:
        """Return the model file's content, after loading it under the same rules as the API."""
        content = artifact.dumps(self.estimator)
        try:
            artifact.loads(content)
        except ArtifactError as error:
            raise EstimatorError(
                f"{type(self.estimator).__name__} cannot be published: the API would refuse it. "
                f"{error}"
            ) from error
        return content

    def _check_shape(self, shape: tuple[int, ...], rows: int) -> None:
        if shape != (rows,) and not (len(shape) == 2 and shape[0] == rows and shape[1] > 1):
            raise EstimatorError(
                f"{type(self.estimator).__name__} predicts an array of shape {shape} for {rows} "
                "rows. Fit it with a y of shape (n_rows,), or (n_rows, n_targets) for several."
            )

    def _check_classes(self, classes: list[Any]) -> None:
        """Refuse classes that JSON has no value for; dates, for one, would be numbers there."""
        labels = [label for each in classes for label in (each if type(each) is list else [each])]
        dtype = getattr(getattr(self.estimator, "classes_", None), "dtype", np.dtype(object))
        plain = all(type(label) in (bool, int, float, str) for label in labels)
        if not plain or dtype.kind in "mM":
            raise EstimatorError(
                f"{type(self.estimator).__name__} predicts the classes {show(labels)}. A class "
                "must be a text, a number, true or false: fit it with y.astype(str)."
            )


def _shape_of(y: Any) -> tuple[int, ...]:
    """Return the shape of a target; refuse what has no rows in an order."""
    shape = getattr(y, "shape", None)
    if shape is None and isinstance(y, Sequence) and not isinstance(y, str | bytes):
        shape = (len(y),)
    if not shape:
        raise EstimatorError(f"y is {show(y)}. Pass the target, one value for each row of X.")
    return tuple(shape)


def _describe(estimator: Any) -> str:
    """Describe an estimator in a line: a pipeline's steps, and the last one's parameters.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> _describe(make_pipeline(StandardScaler(), Ridge(alpha=2.0)))
    'StandardScaler → Ridge(alpha=2.0)'
    """
    *before, last = [step for _, step in getattr(estimator, "steps", [("", estimator)])]
    steps = [*(type(step).__name__ for step in before), " ".join(repr(last).split())]
    return " → ".join(steps)
