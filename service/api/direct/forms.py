"""Forms: how a request to predict is read, and its prediction written, in each protocol."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.types import Scope

from service.api.edge.admission import Admission
from service.api.edge.requests import query_of
from service.api.inference.inference import LoggedPrediction
from service.api.rest.predict import read_rows, row_content, rows_content
from service.api.v2 import routes as v2
from service.api.v2.output_tensors import written
from service.contract.signature.signature import Columns, Signature

Content = Callable[[LoggedPrediction], Any]
"""Lays a prediction out for JSON."""


@dataclass(frozen=True)
class Form:
    """One way to ask for a prediction.

    `route` is what metrics call it. `read` turns a request into checked columns, and what writes
    their prediction; or it raises, or returns None for what only the application answers.
    """

    route: str
    read: Callable[[Scope, bytes, Signature, Admission], tuple[Columns, Content] | None]


def _read_row(
    scope: Scope, body: bytes, signature: Signature, admission: Admission
) -> tuple[Columns, Content]:
    return signature.parse_query(query_of(scope)), row_content


def _read_rows(
    scope: Scope, body: bytes, signature: Signature, admission: Admission
) -> tuple[Columns, Content]:
    return read_rows(body, signature, admission), rows_content


def _read_tensors(
    scope: Scope, body: bytes, signature: Signature, admission: Admission
) -> tuple[Columns, Content] | None:
    asked = v2.read(None, body, signature, admission)
    if any(output.binary for output in asked.outputs):
        return None
    return asked.columns, partial(_tensors, asked)


def _tensors(asked: v2.Asked, prediction: LoggedPrediction) -> Any:
    content, _ = written(asked.outputs, prediction, asked.id)
    return content


DEFAULT = Form("/predict", _read_row)
ROW = Form("/models/{name}/predict", _read_row)
ROWS = Form("/models/{name}/predict", _read_rows)
TENSORS = Form("/v2/models/{name}/infer", _read_tensors)
