"""Ask the API with MLServer's codecs.

`tests/outside/test_outside.py` runs this where Labloop is not installed. The API's URL is the
argument, tables come through standard input, answers go to standard output.
"""

import json
import sys
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd
from mlserver import types
from mlserver.codecs import NumpyCodec, NumpyRequestCodec, PandasCodec, StringCodec

Columns = dict[str, list[Any]]


def call(url: str, body: Any = None) -> bytes:
    data = None if body is None else body.model_dump_json().encode()
    with urlopen(Request(url, data, {"Content-Type": "application/json"}), timeout=60) as answer:
        return bytes(answer.read())


def infer(url: str, model: str, request: types.InferenceRequest) -> types.InferenceResponse:
    said = call(f"{url}/v2/models/{model}/infer", request)
    return types.InferenceResponse.model_validate_json(said)


def refusal(url: str, model: str, request: types.InferenceRequest) -> dict[str, Any]:
    try:
        infer(url, model, request)
    except HTTPError as error:
        said = types.InferenceErrorResponse.model_validate_json(error.read())
        return {"status": error.code, "message": said.error}
    raise AssertionError("nothing was refused")


def decoded(response: types.InferenceResponse) -> dict[str, Any]:
    """Decode each output by the codec that suits its type."""
    return {
        output.name: (
            StringCodec.decode_output(output)
            if output.datatype == "BYTES"
            else NumpyCodec.decode_output(output).tolist()
        )
        for output in response.outputs
    }


def with_missing_text(columns: Columns) -> types.InferenceRequest:
    """Encode a table; where text is missing the codec gives up, so the input is written out."""
    text = [name for name, values in columns.items() if any(isinstance(v, str) for v in values)]
    request = PandasCodec.encode_request(pd.DataFrame(columns).drop(columns=text))
    request.inputs += [
        types.RequestInput(
            name=name,
            shape=[len(columns[name]), 1],
            datatype="BYTES",
            parameters=types.Parameters(content_type=StringCodec.ContentType),
            data=columns[name],
        )
        for name in text
    ]
    return request


def ask(url: str, iris: Columns, penguins: Columns, missing: Columns) -> dict[str, Any]:
    table = pd.DataFrame(iris)
    tensor = np.array([*iris.values()], dtype=np.float64).T
    as_table = infer(url, "iris", PandasCodec.encode_request(table))
    proba = NumpyRequestCodec.encode_request(tensor)
    proba.id, proba.outputs = "mine", [types.RequestOutput(name="predict_proba")]
    only = infer(url, "iris", proba)
    label = NumpyRequestCodec.encode_request(tensor)
    label.outputs = [types.RequestOutput(name="predict")]
    metadata = {
        name: types.MetadataModelResponse.model_validate_json(call(f"{url}/v2/models/{name}"))
        for name in ("iris", "penguins")
    }
    index = call(f"{url}/v2/repository/index", types.RepositoryIndexRequest())
    return {
        "server": types.MetadataServerResponse.model_validate_json(call(f"{url}/v2")).model_dump(),
        "metadata": {name: each.model_dump() for name, each in metadata.items()},
        "index": types.RepositoryIndexResponse.model_validate_json(index).model_dump(mode="json"),
        "iris": {
            "table": decoded(as_table),
            "tensor": decoded(infer(url, "iris", NumpyRequestCodec.encode_request(tensor))),
        },
        "penguins": {
            "table": decoded(
                infer(url, "penguins", PandasCodec.encode_request(pd.DataFrame(penguins)))
            )
        },
        "missing": decoded(infer(url, "penguins", with_missing_text(missing))),
        "proba": {"id": only.id} | decoded(only),
        "refusals": {
            "unknown model": refusal(url, "roses", proba),
            "missing feature": refusal(
                url, "iris", PandasCodec.encode_request(table.drop(columns="sepal_length"))
            ),
        },
        "as a table": PandasCodec.decode_response(infer(url, "iris", label)).to_dict("list"),
    }


if __name__ == "__main__":
    print(json.dumps(ask(sys.argv[1], **json.load(sys.stdin))))
