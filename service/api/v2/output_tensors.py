"""Output tensors: what a model gives, described and written for the Open Inference Protocol."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import orjson

from service.api.inference.inference import LoggedPrediction
from service.api.v2.datatypes import DATATYPES, Datatype
from service.contract.signature.feature import Feature
from service.contract.signature.output import Output
from service.contract.signature.signature import Signature


@dataclass(frozen=True, slots=True)
class OutputTensor:
    """A tensor that a model responds with, as metadata describes it and a response holds it.

    `width` is its shape without the rows, -1 where the signature does not say.
    """

    name: str
    datatype: Datatype
    width: list[int] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    binary: bool = False

    def describe(self) -> dict[str, Any]:
        """Return its metadata."""
        return _described(self.name, self.datatype, [-1, *self.width], self.parameters)

    def write(self, prediction: LoggedPrediction) -> tuple[dict[str, Any], bytes | None]:
        """Return its part of a response; if it is binary, also the bytes that follow the JSON."""
        values = self._values(prediction)
        rows = len(prediction.ids)
        content = {
            "name": self.name,
            "shape": [rows, len(values) // rows] if self.width else [rows],
            "datatype": self.datatype.name,
        }
        if not self.binary:
            return content | {"data": values}, None
        data = self.datatype.to_bytes(values)
        return content | {"parameters": {"binary_data_size": len(data)}}, data

    def _values(self, prediction: LoggedPrediction) -> Any:
        if self.name == "prediction_id":
            return prediction.ids
        given = {
            "predict": prediction.predictions,
            "predict_proba": prediction.probabilities,
            "score": prediction.scores,
        }[self.name]
        if isinstance(given, np.ndarray):
            return given.ravel()
        while isinstance(given[0], list):  # a list a row, or of these a list a target
            given = [*chain.from_iterable(given)]
        plain = self.datatype.plain
        return given if set(map(type, given)) == {plain} else [plain(value) for value in given]


def output_tensors(output: Output) -> list[OutputTensor]:
    """Describe what a model gives: ``predict``, and ``predict_proba`` and ``score`` if it has them.

    Where there are several targets, each row of ``predict`` has a value a target, and each row of
    ``predict_proba`` the probabilities of the first target's classes, then of the second's, and so
    on.

    Examples
    --------
    >>> output = Output(task="classification", classes=["no", "yes"], probabilities=True)
    >>> [each.describe()["shape"] for each in output_tensors(output)]
    [[-1], [-1, 2]]
    """
    several = output.targets is not None
    classes = output.classes
    if classes is not None:
        datatype = _datatype(chain.from_iterable(classes) if several else classes)
    else:  # numbers, or targets that are simply on or off
        datatype = DATATYPES["FP64" if output.task == "regression" else "INT64"]
    about = {"targets": _json(output.targets)} if several else {}
    tensors = [
        OutputTensor("predict", datatype, [len(output.targets or ())] if several else [], about)
    ]
    if output.probabilities:
        about = about if classes is None else {**about, "classes": _json(classes)}
        width = -1 if several or classes is None else len(classes)
        tensors.append(OutputTensor("predict_proba", DATATYPES["FP64"], [width], about))
    if output.score:
        tensors.append(OutputTensor("score", DATATYPES["FP64"]))
    return tensors


PREDICTION_ID = OutputTensor("prediction_id", DATATYPES["BYTES"])  # given only when asked for


def metadata(name: str, versions: list[int], signature: Signature) -> dict[str, Any]:
    """Describe a model: an input a feature, and what `output_tensors` says."""
    return {
        "name": name,
        "versions": [str(version) for version in versions],
        "platform": "sklearn_skops",
        "inputs": [_feature(feature) for feature in signature.features],
        "outputs": [tensor.describe() for tensor in output_tensors(signature.output)],
    }


def written(
    outputs: list[OutputTensor], prediction: LoggedPrediction, name: str | None
) -> tuple[dict[str, Any], list[bytes]]:
    """Write a response under the name that the request gave itself, or its first prediction's id.

    Returns
    -------
    content : dict
        For JSON.
    binary : list of bytes
        What is to follow it, one part an output that is asked for in binary.
    """
    parts = [output.write(prediction) for output in outputs]
    content = {
        "model_name": prediction.model,
        "model_version": str(prediction.version),
        "id": prediction.ids[0] if name is None else name,
        "outputs": [content for content, _ in parts],
    }
    return content, [data for _, data in parts if data is not None]


def _feature(feature: Feature) -> dict[str, Any]:
    if feature.kind == "category":
        datatype = _datatype(feature.categories or ())
    elif feature.kind == "boolean":
        datatype = DATATYPES["BOOL"]
    elif feature.json_type == "string":
        datatype = DATATYPES["BYTES"]
    else:
        trained = feature.dtype.upper().replace("FLOAT", "FP")
        datatype = DATATYPES.get(
            trained, DATATYPES["FP64" if feature.kind == "number" else "INT64"]
        )
    return _described(feature.name, datatype, [-1], {"nullable": feature.nullable})


def _datatype(values: Iterable[Any]) -> Datatype:
    """Find the datatype that holds all of some classes or categories."""
    values = [*values]
    types = set(map(type, values))
    if types == {bool}:
        return DATATYPES["BOOL"]
    if types == {int}:
        return DATATYPES["INT64" if max(values) < 2**63 else "UINT64"]
    return DATATYPES["FP64" if types in ({float}, {int, float}) else "BYTES"]


def _described(
    name: str, datatype: Datatype, shape: list[int], parameters: dict[str, Any]
) -> dict[str, Any]:
    described = {"name": name, "datatype": datatype.name, "shape": shape}
    return described | {"parameters": parameters} if parameters else described


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
