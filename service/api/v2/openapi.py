"""OpenAPI of `/v2`: the Open Inference Protocol, and for each model that is served an example."""

from typing import Any

from service.api.edge.requests import VERSION_SCHEMA
from service.api.edge.responses import Schema
from service.api.registry.loaded_model import LoadedModel
from service.api.v2.output_tensors import metadata

DATATYPES = ["BOOL", "BYTES", "FP16", "FP32", "FP64"]
DATATYPES += [f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)]
V2_PROBLEM: Schema = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
    "additionalProperties": False,
}
TEXT: Schema = {"type": "string"}
PARAMETERS: Schema = {"type": ["object", "null"]}
VERSION = {"name": "version", "in": "path", "required": True, "schema": VERSION_SCHEMA}


def _object(required: Schema, **optional: Schema) -> Schema:
    return {"type": "object", "properties": required | optional, "required": [*required]}


def _list(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


SHAPE = _list({"type": "integer", "minimum": 0}, minItems=1, maxItems=2)
TENSOR = {"name": TEXT, "shape": SHAPE, "datatype": {"enum": DATATYPES}, "data": {"type": "array"}}
REQUEST = _object(
    {"inputs": _list(_object(TENSOR, parameters=PARAMETERS), minItems=1)},
    id={"type": ["string", "null"]},
    parameters=PARAMETERS,
    outputs={
        **_list(_object({"name": TEXT}, parameters=PARAMETERS)),
        "type": ["array", "null"],
    },
)
RESPONSE = _object(
    {"model_name": TEXT, "model_version": TEXT, "id": TEXT, "outputs": _list(_object(TENSOR))}
)
ABOUT = _object(
    {"name": TEXT, "datatype": {"enum": DATATYPES}, "shape": _list({"type": "integer"})}
)
METADATA = _object(
    {
        "name": TEXT,
        "versions": _list(TEXT),
        "platform": TEXT,
        "inputs": _list(ABOUT),
        "outputs": _list(ABOUT),
    }
)
INDEX = _list(_object({"name": TEXT, "version": TEXT, "state": TEXT, "reason": TEXT}))
ASKED = _object({}, ready={"type": "boolean"})
BOOLEAN: Schema = {"type": "boolean"}


def v2_paths(name: Schema, served: list[LoadedModel]) -> Schema:
    """Describe all of `/v2` but what it refuses with 501.

    Parameters
    ----------
    name : dict
        The path's parameter that names a model.
    served : list of LoadedModel
        Each has an operation with an example that works.
    """
    paths: Schema = {
        "/v2": {"get": _get("What this is", _object({"name": TEXT, "version": TEXT}))},
        "/v2/health/live": {"get": _get("Whether it lives", _object({"live": BOOLEAN}))},
        "/v2/health/ready": {"get": _get("Whether it is ready", _object({"ready": BOOLEAN}))},
        "/v2/models": {"get": _get("The models", _object({"models": _list(TEXT)}))},
        "/v2/repository/index": {
            "get": _get("Every version of every model", INDEX),
            "post": _post("Every version, or only those that are live", ASKED, INDEX, {}),
        },
    }
    for model in served:
        summary = f"Ask {model.name} about some rows"
        infer = _post(summary, REQUEST, RESPONSE, _example(model))
        paths[f"/v2/models/{model.name}/infer"] = {"post": infer}
    for path, parameters in (
        ("/v2/models/{name}", [name]),
        ("/v2/models/{name}/versions/{version}", [name, VERSION]),
    ):
        ready = _object({"name": TEXT, "ready": BOOLEAN})
        infer = _post("Ask about some rows", REQUEST, RESPONSE, None)
        paths[path] = {"parameters": parameters, "get": _get("A model's tensors", METADATA)}
        paths[f"{path}/ready"] = {
            "parameters": parameters,
            "get": _get("Whether it answers; a version is loaded first", ready),
        }
        paths[f"{path}/infer"] = {"parameters": parameters, "post": infer}
    return paths


def _example(model: LoadedModel) -> Schema | None:
    """Write a model's example row as a request; None if the row is not complete."""
    if model.whole_example is None:
        return None
    inputs = metadata(model.name, [], model.signature)["inputs"]
    tensors = [
        {
            "name": each["name"],
            "shape": [1],
            "datatype": each["datatype"],
            "data": [model.example[each["name"]]],
        }
        for each in inputs
    ]
    return {"inputs": tensors}


def _get(summary: str, response: Schema) -> Schema:
    problem = {"application/json": {"schema": {"$ref": "#/components/schemas/V2Problem"}}}
    return {
        "tags": ["open inference protocol"],
        "summary": summary,
        "responses": {
            "200": {
                "description": "The response",
                "content": {"application/json": {"schema": response}},
            },
            "4XX": {"description": "The request is at fault", "content": problem},
            "503": {"description": "Not now", "content": problem},
        },
    }


def _post(summary: str, body: Schema, response: Schema, example: Any) -> Schema:
    content: Schema = {"schema": body}
    if example is not None:
        content["example"] = example
    taken = {"required": bool(body["required"]), "content": {"application/json": content}}
    return {**_get(summary, response), "requestBody": taken}
