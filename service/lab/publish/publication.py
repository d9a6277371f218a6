"""Publication: a fitted estimator, checked and written as a model version."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from service.contract.build import build
from service.contract.errors import ArtifactError, EstimatorError, LabloopError
from service.contract.libraries import boosters, versions
from service.contract.model import baseline, golden
from service.contract.model.entries import check_name
from service.contract.model.manifest import BASELINE, GOLDEN, MODEL, Manifest
from service.contract.model.store import ModelStore
from service.contract.model_file import artifact
from service.contract.signature.output import Output
from service.contract.signature.predictions import Predictions, finite, predict_columns
from service.contract.signature.signature import Signature
from service.contract.table import Table
from service.contract.text import printable
from service.lab.publish.checks import (
    check_classes,
    check_dicts,
    check_fitted,
    check_shapes,
    check_target,
)
from service.lab.publish.remarks import (
    class_names_of,
    in_one_line,
    metrics_of,
    parameters_of,
    private_of,
)
from service.lab.publish.tolerance import tolerant


@dataclass(frozen=True)
class ModelVersion:
    """A published version, as `Lab.publish` returns it.

    `passed_over` holds the numbers of the deleted versions that a rollback passed over. `stuck`
    names the workers that did not answer to it: they were not waited for.
    """

    model: str
    version: int
    live: bool
    manifest: Manifest
    workers: int = 1
    passed_over: tuple[int, ...] = ()
    replicas: int = 1
    stuck: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = "live" if self.live else "published, not live"
        if self.live and self.replicas > 1:
            where = f"live in {self.replicas} replicas"
            if self.workers > self.replicas:
                where = f"live in {self.workers} workers of {self.replicas} replicas"
        elif self.live and self.workers > 1:
            where = f"live in {self.workers} workers"
        if self.passed_over:
            verb = "is" if len(self.passed_over) == 1 else "are"
            where += f"; {', '.join(map(str, self.passed_over))} {verb} deleted and passed over"
        if self.stuck:
            where += f"; stuck, and not waited for: {'; '.join(self.stuck)}"
        return f"{self.model} version {self.version} ({where})"

    def _repr_html_(self) -> str:
        manifest, output = self.manifest, self.manifest.signature.output
        lines = {
            "estimator": manifest.estimator,
            "metrics": ", ".join(f"{k} {v:.4g}" for k, v in manifest.metrics.items()),
            "features": ", ".join(f.describe() for f in manifest.signature.features),
            "task": output.task,
            "classes": ", ".join(map(manifest.class_name, output.classes or [])),
            "targets": ", ".join(output.targets or []),
            "trained on": f"{manifest.rows} rows, with "
            + ", ".join(f"{name} {number}" for name, number in manifest.libraries.items()),
            "left out": ", ".join(manifest.left_out),
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
    y : array-like of shape (n_rows,), optional
        The target, as long as `X`. A clusterer, mixture or outlier detector needs none.
    private : iterable of str
        Features whose values are never logged or shown.
    kinds : mapping of str to str, optional
        "text" or "category" for columns of text.

    Raises
    ------
    EstimatorError
        It has no `predict`, is not fitted, needs a target, or does not fit `X`.
    """

    def __init__(
        self,
        name: str,
        estimator: Any,
        X: Any,
        y: Any = None,
        private: Iterable[str] = (),
        kinds: Mapping[str, str] | None = None,
    ) -> None:
        check_name(name)
        self.name = name
        self.estimator = estimator
        check_fitted(estimator)
        kind = type(estimator).__name__
        table = Table.of(X)
        if table.form == "dicts":
            check_dicts(X)
        shape = check_target(estimator, y, len(table.frame))
        inputs = Signature.from_table(table, Output(task="regression"), kinds)
        inputs = inputs.keep_private(private_of(private))
        try:
            X = table.frame if type(X).__module__.startswith("pyarrow") else X  # it takes no such
            predictions = np.asarray(estimator.predict(X))
            check_shapes(estimator, predictions.shape, shape, len(table.frame))
            finite(Predictions(predictions=predictions.tolist()))
            output = Output.of(estimator, X, y, predictions)
            check_classes(estimator, output.classes or [], output.targets or [])
            predictions = output.labels(predictions)
            scores = output.scores(estimator, X)
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
        self.rows = len(table.frame)
        self.baseline = baseline.summarise(self.signature, table.frame, predictions, scores)

    def write(
        self,
        store: ModelStore,
        metrics: Mapping[str, float] | None = None,
        class_names: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> int:
        """Write the version.

        Parameters
        ----------
        store : ModelStore
        metrics : mapping of str to float, optional
        class_names : sequence of str, shape (n_classes,), optional
        parameters : mapping, optional

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
        except Exception:  # whatever a user's estimator raises: its repr is for people alone
            described = kind
        model, files, left_out = self._model()
        manifest = Manifest(
            model=self.name,
            estimator=described,
            rows=self.rows,
            signature=self.signature,
            class_names=class_names_of(class_names, self.signature.output),
            metrics=metrics_of({} if metrics is None else metrics),
            parameters=parameters_of({} if parameters is None else parameters),
            libraries=versions.of_types(artifact.types_in(model)),
            left_out=left_out,
            image=built.image,
            git_revision=built.revision or None,
            git_dirty=built.is_dirty(),
        )

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
            for name, content in files.items():
                (folder / name).write_bytes(content)
            (folder / GOLDEN).write_text(rows)
            (folder / BASELINE).write_bytes(summary)
            return manifest

        return store.add(self.name, fill)

    def _model(self) -> tuple[bytes, dict[str, bytes], list[str]]:
        """Return the content of the model file, that of each booster's file, and what is left out.

        They are loaded under the same rules as in the API, and must predict the golden rows.
        """
        bare, files = boosters.take_out(self.estimator)
        light = artifact.light_copy(bare)
        content = artifact.dumps_copy(light)
        try:
            loaded = artifact.loads(content, booster=files.__getitem__)
            reference = partial(predict_columns, loaded, self.signature)
            golden.prove(reference, self.signature, self.golden)
        except ArtifactError as error:
            raise EstimatorError(
                f"{type(self.estimator).__name__} cannot be published: the API would refuse it. "
                f"{error}"
            ) from error
        return content, files, light.left_out


def _describe(estimator: Any) -> str:
    """Describe an estimator in a line: a pipeline's steps, and the last one's parameters.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> _describe(make_pipeline(StandardScaler(), Ridge(alpha=2.0)))
    'StandardScaler → Ridge(alpha=2.0)'
    >>> from sklearn.model_selection import GridSearchCV
    >>> search = GridSearchCV(Ridge(), {"alpha": [2.0]}, cv=2)
    >>> _describe(search.fit([[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0]))
    'GridSearchCV of Ridge(alpha=2.0)'
    """
    best = getattr(estimator, "best_estimator_", None)
    if best is not None:
        return f"{type(estimator).__name__} of {_describe(best)}"
    *before, last = [step for _, step in getattr(estimator, "steps", [("", estimator)])]
    shown = in_one_line(last)
    if shown.count("=None") > 1:  # XGBoost's, of each parameter that was not given
        given = {k: v for k, v in last.get_params(deep=False).items() if v is not None and v == v}
        given_in_line = ", ".join(f"{k}={in_one_line(v)}" for k, v in given.items())
        shown = f"{type(last).__name__}({given_in_line})"
    return " → ".join([*(type(step).__name__ for step in before), shown])
