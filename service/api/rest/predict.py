"""Predict: the routes that ask a model, about one row by GET and about many by POST."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.api.edge.admission import Admission
from service.api.edge.body import read_json
from service.api.edge.requests import body_of, client_of, query_of, version_of
from service.api.edge.responses import JSON, prediction_headers
from service.api.inference.inference import LoggedPrediction
from service.api.state import state_of
from service.contract.errors import InputError
from service.contract.signature.signature import Columns, Signature


async def predict_default(request: Request) -> Response:
    """Ask the default model about one row, a query parameter a feature."""
    return await _predict_row(request, state_of(request).settings.default_model)


async def predict(request: Request) -> Response:
    """Ask a model: about one row by GET, about many by POST."""
    name = request.path_params["name"]
    return await (_predict_rows if request.method == "POST" else _predict_row)(request, name)


async def _predict_row(request: Request, name: str) -> Response:
    """Read a query parameter a feature; an empty one is null."""
    state = state_of(request)
    with state.admission:
        model = await state.registry.get(name)
        columns = model.signature.parse_query(query_of(request.scope))
        prediction = await state.inference.predict(model, columns, client_of(request))
    return JSON(row_content(prediction), headers=_headers(prediction))


async def _predict_rows(request: Request, name: str) -> Response:
    """Read `{"rows": [{…}]}` or `{"columns": {…: […]}}`."""
    state = state_of(request)
    async with body_of(request, state.admission) as body:
        version = version_of(request.query_params.get("version"))
        with state.admission:
            model = await state.registry.get(name, version)
            columns = await state.admission.read(read_rows, body, model.signature)
            prediction = await state.inference.predict(model, columns, client_of(request))
    return JSON(rows_content(prediction), headers=_headers(prediction))


def row_content(prediction: LoggedPrediction) -> dict[str, Any]:
    """Lay out what is told about one row."""
    content = {"prediction": prediction.predictions[0]}
    if prediction.scores is not None:
        content["score"] = prediction.scores[0]
    return content


def rows_content(prediction: LoggedPrediction) -> dict[str, Any]:
    """Lay out what is told about many rows."""
    content = {
        "model": prediction.model,
        "version": prediction.version,
        "ids": prediction.ids,
        "predictions": prediction.predictions,
        "classes": prediction.classes,
        "probabilities": prediction.probabilities,
    }
    if prediction.scores is not None:
        content["scores"] = prediction.scores
    if prediction.targets is not None:
        content["targets"] = prediction.targets
    return content


def read_rows(body: bytes, signature: Signature, admission: Admission) -> Columns:
    """Read a body of rows, or of columns, by a model's signature.

    Raises
    ------
    ApiError
        The body says something else, or has too many rows.
    """
    content = read_json(body, admission.limits)
    if not isinstance(content, dict) or content.keys() not in ({"rows"}, {"columns"}):
        raise InputError(
            'The body must be {"rows": [{feature: value}]} or {"columns": {feature: [value]}}.'
        )
    ((form, table),) = content.items()
    parts = [table] if form == "rows" else table.values() if isinstance(table, dict) else []
    admission.check_rows(max((len(part) for part in parts if isinstance(part, list)), default=0))
    return signature.parse_rows(table) if form == "rows" else signature.parse_columns(table)


def _headers(prediction: LoggedPrediction) -> dict[str, str]:
    return prediction_headers(prediction.ids[0], prediction.model, prediction.version)


# Plain Starlette routes: the time that a prediction takes is mostly its route's.
PREDICT_ROUTES = [
    Route("/predict", predict_default, methods=["GET"]),
    Route("/models/{name}/predict", predict, methods=["GET", "POST"]),
]
