"""Tensors as clients send and get them."""

from typing import Any

import httpx
import numpy as np
import pandas as pd

from tests.support.models import FLOWER


def tensor(name: str, datatype: str, data: Any, shape: Any = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": data, **more}


def columns(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a tensor a column, None where a value is missing."""
    kinds = {"b": "BOOL", "i": "INT64", "f": "FP64"}
    tensors = []
    for name in table:
        column = table[name].astype(object).where(table[name].notna(), None).tolist()
        tensors.append(tensor(str(name), kinds.get(table[name].dtype.kind, "BYTES"), column))
    return tensors


def flower(**change: Any) -> list[dict[str, Any]]:
    return [tensor(name, "FP64", [value]) for name, value in {**FLOWER, **change}.items()]


def table(data: list[Any], shape: list[int], datatype: str = "FP64") -> list[dict[str, Any]]:
    return [tensor("input-0", datatype, data, shape)]


def infer(http: httpx.Client, model: str, inputs: Any, **more: Any) -> httpx.Response:
    return http.post(f"/v2/models/{model}/infer", json={"inputs": inputs, **more})


def outputs(response: httpx.Response) -> dict[str, Any]:
    """Return each output as an array, in its shape."""
    content = response.json()
    assert response.status_code == 200, content
    return {
        each["name"]: np.array(each["data"]).reshape(each["shape"]) for each in content["outputs"]
    }


def refused(response: httpx.Response, status: int, *words: str) -> None:
    """Check that an error has its one shape and says what it must."""
    content = response.json()
    assert response.status_code == status, content
    assert content.keys() == {"error"}
    assert content["error"][0].isupper()
    assert content["error"].endswith(".")
    for word in words:
        assert word in content["error"]
