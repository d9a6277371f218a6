"""Ask the API with Triton's client.

`tests/outside/test_outside.py` runs this where Labloop is not installed. The API's URL is the
argument, tables come through standard input, answers go to standard output.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

Columns = dict[str, list[Any]]
BOTH = ("predict", "predict_proba")


def tensor(name: str, array: Any, binary: bool) -> Any:
    made = triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    return made.set_data_from_numpy(array, binary_data=binary)


def tensors(columns: Columns, binary: bool) -> list[Any]:
    """Make one tensor a feature; a number that is missing is NaN."""
    arrays = {
        name: np.array(values, dtype=object if isinstance(values[0], str) else np.float64)
        for name, values in columns.items()
    }
    return [tensor(name, array.reshape(-1, 1), binary) for name, array in arrays.items()]


def requested(names: tuple[str, ...], binary: bool) -> list[Any]:
    return [triton.InferRequestedOutput(name, binary_data=binary) for name in names]


def answers(result: Any) -> dict[str, Any]:
    """Lay out what a result says; it gives text as bytes where it came in binary."""
    response = result.get_response()
    outputs = {each["name"]: result.as_numpy(each["name"]) for each in response["outputs"]}
    return {key: value for key, value in response.items() if key != "outputs"} | {
        name: [each.decode() if isinstance(each, bytes) else each for each in array.tolist()]
        for name, array in outputs.items()
    }


def refusal(call: Callable[[], Any]) -> dict[str, Any]:
    try:
        call()
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    raise AssertionError("nothing was refused")


def ask(client: Any, iris: Columns, penguins: Columns, missing: Columns) -> dict[str, Any]:
    table = np.array([*iris.values()], dtype=np.float64).T
    first = tensors({name: values[:1] for name, values in iris.items()}, binary=True)

    def infer(model: str, inputs: list[Any], **more: Any) -> dict[str, Any]:
        return answers(client.infer(model, inputs, **more))

    return {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "server": client.get_server_metadata(),
        "index": client.get_model_repository_index(),
        "models_ready": [
            client.is_model_ready("iris"),
            client.is_model_ready("iris", "1"),
            client.is_model_ready("iris", "9"),
            client.is_model_ready("roses"),
        ],
        "metadata": {
            "iris": client.get_model_metadata("iris"),
            "iris 1": client.get_model_metadata("iris", "1"),
            "penguins": client.get_model_metadata("penguins"),
        },
        "iris": {
            "binary": infer("iris", tensors(iris, True)),
            "binary, asked for": infer("iris", tensors(iris, True), outputs=requested(BOTH, True)),
            "json": infer("iris", tensors(iris, False), outputs=requested(BOTH, False)),
            "binary in, json out": infer(
                "iris", tensors(iris, True), outputs=requested(BOTH, False)
            ),
            "json in, binary out": infer("iris", tensors(iris, False)),
            "one tensor, binary": infer("iris", [tensor("input", table, True)]),
            "one tensor, json": infer(
                "iris", [tensor("input", table, False)], outputs=requested(BOTH, False)
            ),
            "asynchronous": answers(client.async_infer("iris", tensors(iris, True)).get_result()),
            "single precision": infer(
                "iris", [tensor("input", table.astype(np.float32), True)], model_version="2"
            ),
        },
        "penguins": {
            "binary": infer("penguins", tensors(penguins, True)),
            "json": infer("penguins", tensors(penguins, False), outputs=requested(BOTH, False)),
        },
        "missing": infer("penguins", tensors(missing, True)),
        "proba": infer("iris", first, outputs=requested(BOTH[1:], True)),
        "named": infer("iris", first, request_id="mine", model_version="1"),
        "refusals": {
            "unknown model": refusal(lambda: infer("roses", first)),
            "unknown version": refusal(lambda: infer("iris", first, model_version="9")),
            "unknown output": refusal(
                lambda: infer("iris", first, outputs=requested(("chance",), True))
            ),
            "missing feature": refusal(lambda: infer("iris", first[1:])),
            "unknown feature": refusal(
                lambda: infer("iris", [*first, tensor("colour", np.array([[1.0]]), True)])
            ),
            "wrong type": refusal(
                lambda: infer(
                    "iris",
                    [tensor("sepal_length", np.array([["x"]], dtype=object), True), *first[1:]],
                )
            ),
            "NaN in JSON": refusal(lambda: infer("penguins", tensors(missing, False))),
            "compressed": refusal(
                lambda: infer("iris", first, request_compression_algorithm="gzip")
            ),
            "shared memory": refusal(lambda: client.get_system_shared_memory_status()),
        },
    }


if __name__ == "__main__":
    with triton.InferenceServerClient(sys.argv[1].removeprefix("http://")) as client:
        print(json.dumps(ask(client, **json.load(sys.stdin))))
