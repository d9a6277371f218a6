"""Schemas: what a model takes and gives, as JSON Schema, from its signature."""

from typing import Any

from service.api.edge.responses import Schema
from service.contract.signature.feature import Feature
from service.contract.signature.output import Output
from service.contract.signature.signature import Signature
from service.contract.text import shortened

ID: Schema = {"type": "string", "format": "uuid"}
SCORE: Schema = {"type": "number"}


def feature_schema(feature: Feature, example: dict[str, Any]) -> Schema:
    """Describe one feature's value.

    `example` is a row, which may lack it.

    Examples
    --------
    >>> size = Feature(name="size", kind="number", dtype="float64", nullable=True, minimum=1)
    >>> feature_schema(size, {"size": 2.5})
    {'type': ['number', 'null'], 'examples': [2.5]}
    """
    kind = feature.json_type
    schema: Schema = {"type": [kind, "null"] if feature.nullable else kind}
    if feature.kind == "timedelta":
        schema["format"] = "duration"
    elif feature.has_zone:
        schema["format"] = "date-time"
    if feature.name in example:
        schema["examples"] = [example[feature.name]]
    if (seen := seen_in_training(feature)) is not None:
        schema["description"] = seen
    return schema


def seen_in_training(feature: Feature) -> str | None:
    """Say which values training saw: no limits, so they are told in words.

    Examples
    --------
    >>> size = Feature(name="size", kind="number", dtype="float64", nullable=True)
    >>> seen_in_training(size.model_copy(update={"minimum": 1, "maximum": 2.5}))
    'In training: 1 to 2.5'
    >>> seen_in_training(size.model_copy(update={"private": True}))
    'Private: neither logged nor shown'
    """
    known = feature.categories or []
    if feature.private:
        return "Private: neither logged nor shown"
    if known:
        shown = ", ".join(map(shortened, known[:20])) + (", …" if len(known) > 20 else "")
        return f"In training: {shown}"
    low, high = feature.minimum, feature.maximum
    if low is None or high is None:
        return None
    low, high = (each if isinstance(each, str) else f"{each:g}" for each in (low, high))
    return f"In training: {low} to {high}"


def row_schema(signature: Signature, example: dict[str, Any]) -> Schema:
    """Describe a row: an object with a value a feature."""
    return {
        "type": "object",
        "properties": {
            feature.name: feature_schema(feature, example) for feature in signature.features
        },
        "required": signature.names,
        "additionalProperties": False,
    }


def body_schema(signature: Signature, row: Schema, max_rows: int) -> Schema:
    """Describe the body of a request for many rows, in either form."""
    rows = {"type": "array", "minItems": 1, "maxItems": max_rows}
    values = {"minItems": 1, "maxItems": max_rows, "type": "array"}
    ordered: Schema = {"type": "array", "description": "In the order of training"}
    ordered |= {"minItems": len(signature.names), "maxItems": len(signature.names)}
    by_name = {
        "type": "object",
        "description": "All of the same length",
        "properties": {
            name: {**values, "items": schema} for name, schema in row["properties"].items()
        },
        "required": signature.names,
        "additionalProperties": False,
    }
    schemas = [*row["properties"].values()]
    by_position = {**ordered, "prefixItems": [{**values, "items": each} for each in schemas]}
    return {
        "oneOf": [
            _only("rows", {**rows, "items": row}),
            _only("columns", by_name),
            _only("rows", {**rows, "items": {**ordered, "prefixItems": schemas}}),
            _only("columns", by_position),
        ]
    }


def prediction_schema(output: Output) -> Schema:
    """Describe one row's prediction: a class, a number, or a list of these, one a target."""
    if output.targets is not None:
        return {"type": "array", "minItems": len(output.targets), "maxItems": len(output.targets)}
    if output.classes is not None:
        return {"enum": output.classes}
    return {"type": ["number", "null"]}


def response_schema(output: Output) -> Schema:
    """Describe the response to a request for many rows."""
    probabilities: Schema = {"type": "null"}
    if output.probabilities:
        several = output.targets is not None or output.classes is None
        one = {"type": "array" if several else "number"}
        probabilities = {"type": "array", "items": {"type": "array", "items": one}}
    members: Schema = {
        "model": {"type": "string"},
        "version": {"type": "integer", "minimum": 1},
        "ids": {"type": "array", "items": ID},
        "predictions": {"type": "array", "items": prediction_schema(output)},
        "classes": {"type": "null"} if output.classes is None else {"const": output.classes},
        "probabilities": probabilities,
    }
    if output.score:
        members["scores"] = {"type": "array", "items": SCORE}
    required = [*members]
    if output.targets is not None:
        members["targets"] = {"const": output.targets}
    return {"type": "object", "properties": members, "required": required}


def _only(name: str, schema: Schema) -> Schema:
    return {
        "type": "object",
        "title": name,
        "properties": {name: schema},
        "required": [name],
        "additionalProperties": False,
    }
