"""OpenAPI of the routes that predict, with typed operations for each model that is served.

They are plain Starlette routes, so what FastAPI would read from their types is written here, from
the models' signatures.
"""

from typing import Any

from service.api.edge.requests import VERSION_SCHEMA
from service.api.edge.responses import Schema, problems
from service.api.log.feedback import PREDICTION_ID
from service.api.registry.loaded_model import LoadedModel
from service.api.rest.schemas import (
    ID,
    SCORE,
    body_schema,
    prediction_schema,
    response_schema,
    row_schema,
    seen_in_training,
)
from service.contract.settings import Settings
from service.contract.signature.feature import Feature

# Of a model that this page does not know; only its signature knows the features.
NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
VERSION = {
    "name": "version",
    "in": "query",
    "description": "An older version",
    "schema": VERSION_SCHEMA,
}
QUERY = {
    "name": "features",
    "in": "query",
    "required": True,
    "description": "One parameter a feature",
    "style": "form",
    "explode": True,
    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
}
EMPTY: Schema = {"type": "string", "maxLength": 0}
ID_EXAMPLE = "01a20e5a-934a-73e4-9255-27f433f03bc9"
CLASS: list[Schema] = [{"type": kind} for kind in ("string", "number", "boolean")]
ITEM = {
    "type": "object",
    "properties": {
        "id": {**ID, "pattern": f"^{PREDICTION_ID.pattern}$"},
        "truth": {
            "description": "A class or number, or one a target",
            "anyOf": [
                *CLASS,
                {"type": "object", "additionalProperties": {"anyOf": CLASS}, "minProperties": 1},
                {"type": "array", "items": {"anyOf": CLASS}, "minItems": 2},
            ],
        },
    },
    "required": ["id", "truth"],
    "additionalProperties": False,
}
FEEDBACK = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"items": {"type": "array", "items": ITEM, "minItems": 1}},
                    "required": ["items"],
                    "additionalProperties": False,
                },
                "example": {"items": [{"id": ID_EXAMPLE, "truth": 0}]},
            }
        },
    }
}
METRICS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "All metrics",
        "content": {
            "text/plain": {"schema": {"type": "string"}},
            "application/openmetrics-text": {},
        },
    }
}


def predict_paths(served: list[LoadedModel], settings: Settings) -> Schema:
    """Describe the routes that predict: for each model that is served, and for any."""
    paths: Schema = {}
    for model in served:
        if model.name == settings.default_model:
            paths["/predict"] = {"get": _ask_one(model, f"Ask {model.name} about one row")}
    for model in served:
        paths[f"/models/{model.name}/predict"] = {
            "get": _ask_one(model, f"Ask {model.name} about one row"),
            "post": _ask_many(model, settings.max_rows),
        }
    paths["/models/{name}/predict"] = {
        "parameters": [NAME],
        "get": _operation("Ask any model about one row", {}, parameters=[QUERY]),
        "post": _operation(
            "Ask any model about many rows",
            {"schema": {"type": "object"}},
            parameters=[VERSION],
            requestBody=_body({"type": "object"}, None),
        ),
    }
    return paths


def _ask_one(model: LoadedModel, summary: str) -> Schema:
    signature, output = model.signature, model.signature.output
    gives = {"prediction": prediction_schema(output)} | ({"score": SCORE} if output.score else {})
    parameters = [_parameter(feature, model.example) for feature in signature.features]
    content = {
        "schema": {
            "type": "object",
            "properties": gives,
            "required": [*gives],
        }
    }
    return _operation(summary, content, parameters=parameters)


def _parameter(feature: Feature, example: dict[str, Any]) -> Schema:
    """Describe a feature in the query, where an empty value means missing: there is no null.

    Swagger UI shows a parameter's own description, and not that of its schema.
    """
    schema: Schema = {"type": feature.json_type}
    if feature.nullable and feature.json_type != "string":
        schema = {"anyOf": [schema, EMPTY]}
    parameter: Schema = {
        "name": feature.name,
        "in": "query",
        "required": True,
        "allowEmptyValue": feature.nullable,
        "schema": schema,
    }
    said = [seen_in_training(feature), "Empty: missing" if feature.nullable else None]
    if any(said):
        parameter["description"] = ". ".join(filter(None, said))
    if feature.name in example:
        value = example[feature.name]
        parameter["example"] = "" if value is None else value
    return parameter


def _ask_many(model: LoadedModel, max_rows: int) -> Schema:
    signature = model.signature
    row = row_schema(signature, model.example)
    return _operation(
        f"Ask {model.name} about many rows",
        {"schema": response_schema(signature.output)},
        parameters=[VERSION],
        requestBody=_body(
            body_schema(signature, row, max_rows),
            {"rows": [model.whole_example]} if model.whole_example else None,
        ),
    )


def _body(schema: Schema, example: Any) -> Schema:
    content = {"schema": schema}
    if example is not None:
        content["example"] = example
    return {"required": True, "content": {"application/json": content}}


def _operation(summary: str, content: Schema, **takes: Any) -> Schema:
    response = {
        "description": "The prediction, which is in the log",
        "headers": {
            "X-Prediction-Id": {"schema": ID, "description": "Of the first row"},
            "X-Model": {"schema": {"type": "string"}},
            "X-Model-Version": {"schema": {"type": "integer"}},
        },
        "content": {"application/json": content},
    }
    return {
        "tags": ["predict"],
        "summary": summary,
        **takes,
        "responses": {"200": response, **problems()},
    }
