"""OpenAPI: the description of the routes that predict, which are plain Starlette ones."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

# What /docs offers to try: only the model's signature knows the features, so they are an example.
FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
QUERY = {
    "parameters": [
        {
            "name": "features",
            "in": "query",
            "required": True,
            "description": "One parameter a feature",
            "style": "form",
            "explode": True,
            "schema": {"type": "object", "additionalProperties": {}},
            "example": FLOWER,
        }
    ]
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object"}, "example": {"rows": [FLOWER]}}
        },
    }
}
FEEDBACK = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "example": {"items": [{"id": "01a20e5a-934a-73e4-9255-27f433f03bc9", "truth": 0}]},
            }
        },
    }
}
NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
VERSION = {"name": "version", "in": "query", "schema": {"type": "integer", "minimum": 1}}
ONE = {"prediction": 0}
MANY = {
    "model": "iris",
    "version": 1,
    "ids": ["01a20e5a-934a-73e4-9255-27f433f03bc9"],
    "predictions": [0],
    "classes": [0, 1, 2],
    "probabilities": [[1.0, 0.0, 0.0]],
}
PROBLEMS = {
    "404": "There is no such model or version",
    "413": "The body is larger, or has more rows, than is read at once",
    "422": "The input does not fit; feature and row are named",
    "503": "Nothing is published, or the log is not writable",
}


def describe(app: FastAPI) -> dict[str, Any]:
    """Give FastAPI's own description, and that of the routes that predict."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        one, many = "Ask about one row", "Ask about many rows"
        name = {"parameters": [NAME]}
        schema["paths"] = {
            "/predict": {"get": _operation(one + " of the default model", ONE, QUERY)},
            "/models/{name}/predict": name
            | {
                "get": _operation(one, ONE, QUERY),
                "post": _operation(many, MANY, BODY | {"parameters": [VERSION]}),
            },
            **schema["paths"],
        }
        app.openapi_schema = schema
    return app.openapi_schema


def _operation(summary: str, example: dict[str, Any], takes: dict[str, Any]) -> dict[str, Any]:
    problem = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answers: dict[str, Any] = {
        status: {"description": text, "content": problem} for status, text in PROBLEMS.items()
    }
    answered = {"application/json": {"schema": {"type": "object"}, "example": example}}
    answers["200"] = {"description": "The prediction, which is in the log", "content": answered}
    return {"tags": ["predict"], "summary": summary, "responses": answers, **takes}
