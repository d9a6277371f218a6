"""Ask the API with KServe's client.

`tests/outside/test_outside.py` runs this where Labloop is not installed. The API's URL is the
argument, tables come through standard input, answers go to standard output.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable
from typing import Any

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.constants.constants import PredictorProtocol
from kserve.protocol.infer_type import RequestedOutput

Columns = dict[str, list[Any]]
BINARY = {"binary_data_output": True}


def in_json(columns: Columns) -> list[InferInput]:
    """Make one input a feature, with null for what is missing."""
    return [
        InferInput(
            name=name,
            shape=[len(values), 1],
            datatype="BYTES" if any(isinstance(value, str) for value in values) else "FP64",
            data=values,
        )
        for name, values in columns.items()
    ]


def in_binary(columns: Columns) -> list[InferInput]:
    inputs = []
    for name, values in columns.items():
        array = np.array(values, dtype=object if isinstance(values[0], str) else np.float64)
        datatype = "BYTES" if array.dtype == object else "FP64"
        inputs.append(InferInput(name=name, shape=[len(values)], datatype=datatype))
        inputs[-1].set_data_from_numpy(array, binary_data=True)
    return inputs


async def ask(url: str, iris: Columns, penguins: Columns, missing: Columns) -> dict[str, Any]:
    config = RESTConfig(protocol=PredictorProtocol.REST_V2)
    async with InferenceRESTClient(config) as client:

        async def infer(model: str, inputs: list[InferInput], **more: Any) -> dict[str, Any]:
            request = InferRequest(model_name=model, infer_inputs=inputs, **more)
            response = await client.infer(url, request, model_name=model)
            outputs = {output.name: output.as_numpy().tolist() for output in response.outputs}
            said = {"id": response.id, "version": response.model_version, **outputs}
            return {
                name: [each.decode() if isinstance(each, bytes) else each for each in value]
                if isinstance(value, list)
                else value
                for name, value in said.items()
            }

        async def refusal(call: Awaitable[Any]) -> dict[str, Any]:
            try:
                await call
            except httpx.HTTPStatusError as error:
                return {"status": error.response.status_code, "message": str(error)}
            raise AssertionError("nothing was refused")

        first = {name: values[:1] for name, values in iris.items()}
        return {
            "live": await client.is_server_live(url),
            "ready": await client.is_server_ready(url),
            "models_ready": [
                await client.is_model_ready(url, "iris"),
                await client.is_model_ready(url, "roses"),
            ],
            "iris": {
                "json": await infer("iris", in_json(iris)),
                "binary": await infer("iris", in_binary(iris), parameters=BINARY),
                "binary in, json out": await infer("iris", in_binary(iris)),
                "json in, binary out": await infer("iris", in_json(iris), parameters=BINARY),
            },
            "penguins": {
                "json": await infer("penguins", in_json(penguins)),
                "binary": await infer("penguins", in_binary(penguins), parameters=BINARY),
            },
            "missing": await infer("penguins", in_json(missing)),
            "proba": await infer(
                "iris",
                in_json(first),
                request_id="mine",
                request_outputs=[RequestedOutput("predict_proba")],
            ),
            "refusals": {
                "unknown model": await refusal(infer("roses", in_json(first))),
                "missing feature": await refusal(infer("iris", in_json(first)[1:])),
                "text": await refusal(infer("iris", in_json(first | {"petal_width": ["x"]}))),
            },
        }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(ask(sys.argv[1], **json.load(sys.stdin)))))
