"""Input tensors: a request of the Open Inference Protocol, read into columns."""

from dataclasses import dataclass, replace
from itertools import chain
from math import prod
from typing import Any, Self

from service.api.v2.datatypes import DATATYPES, Datatype
from service.api.v2.output_tensors import PREDICTION_ID, OutputTensor, output_tensors
from service.contract.errors import InputError
from service.contract.signature.output import Output
from service.contract.signature.refusal import SHOWN_FEATURES
from service.contract.signature.signature import Columns, Signature
from service.contract.text import printable, show

CONTENT_TYPES = ("pd", "np", "str")  # what is read the same way, whichever of them is said
NOT_OFFERED = ("shared_memory_region", "classification")  # among a tensor's parameters


@dataclass(slots=True)  # not frozen: a request has one a feature, and those take longer to make
class InputTensor:
    """A tensor as it was sent: JSON values, flat or one list a row, or bytes."""

    name: str
    datatype: Datatype
    shape: list[int]
    data: list[Any] | bytes

    def columns(self, signature: Signature) -> Columns:
        """Return each feature's values; the tensor has shape (n_rows, n_features)."""
        values, names = self._flat(), signature.names
        return {
            name: self._checked(name, values[i :: len(names)], name in signature.private)
            for i, name in enumerate(names)
        }

    def column(self, private: bool) -> list[Any]:
        """Return the values of one feature; the tensor has shape (n_rows,) or (n_rows, 1)."""
        if len(self.shape) > 2 or self.shape[1:] not in ([], [1]):
            raise InputError(
                f"Input {show(self.name)} has shape {show(self.shape)}; a feature's own tensor "
                "has shape [rows] or [rows, 1]. A tensor with all features needs a name that is "
                "no feature's."
            )
        return self._checked(self.name, self._flat(), private)

    def _checked(self, feature: str, values: list[Any], private: bool) -> list[Any]:
        if isinstance(self.data, bytes):
            return values
        return self.datatype.check(feature, values, private)

    def _flat(self) -> list[Any]:
        data, shape = self.data, self.shape
        if isinstance(data, bytes):
            return self.datatype.from_bytes(show(self.name), data, prod(shape))
        if len(shape) == 2 and data and isinstance(data[0], list):
            rows, width = shape
            lists = len(data) == rows and set(map(type, data)) == {list}
            if not lists or set(map(len, data)) != {width}:
                raise InputError(
                    f"Input {show(self.name)} has shape {shape}, but its data is not "
                    f"{rows} lists of {width}."
                )
            return [*chain.from_iterable(data)]
        if len(data) != prod(shape):
            raise InputError(
                f"Input {show(self.name)} has shape {shape}, which is {prod(shape)} values, "
                f"but its data has {len(data)}."
            )
        return data


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """What is asked: tensors in, and the names of those that are to come out.

    `asked` says of each output whether it is to be binary; None asks for all.

    Examples
    --------
    >>> from service.contract.signature.feature import Feature
    >>> size = Feature(name="size", kind="number", dtype="float64", nullable=True)
    >>> signature = Signature(features=[size], output=Output(task="regression"))
    >>> tensor = {"name": "size", "shape": [2], "datatype": "FP64", "data": [1.5, None]}
    >>> request = InferenceRequest.read({"inputs": [tensor]})
    >>> request.columns(signature)
    {'size': [1.5, None]}
    >>> [output.name for output in request.outputs(signature.output)]
    ['predict']
    """

    id: str | None
    inputs: list[InputTensor]
    asked: dict[str, bool] | None
    binary: bool

    @classmethod
    def read(cls, content: Any, binary: bytes | None = None) -> Self:
        """Read a request's JSON, and the bytes that follow it.

        Raises
        ------
        InputError
            The request is not of the protocol; the text says where.
        """
        if not isinstance(content, dict) or not isinstance(content.get("inputs"), list):
            raise InputError(
                'The body must be {"inputs": [{"name": …, "shape": […], "datatype": …, '
                '"data": […]}]}.'
            )
        name = content.get("id")
        if name is not None and not _is_text(name):
            raise InputError(f"The request's id is {show(name)}, but text is expected.")
        if not content["inputs"]:
            raise InputError("The request has no inputs. Give one a feature, or one with all.")
        is_binary = _flag(_parameters(content, "The request"), "binary_data_output", False)
        inputs = _inputs(content["inputs"], binary)
        return cls(name, inputs, _asked(content.get("outputs"), is_binary), is_binary)

    @property
    def rows(self) -> int:
        """How many rows are asked about, by the tensors' shapes."""
        return max(tensor.shape[0] for tensor in self.inputs)

    def columns(self, signature: Signature) -> Columns:
        """Read the tensors into columns of checked values.

        Raises
        ------
        InputError
            Names each input, or feature and row, that does not fit.
        """
        names, first = signature.names, self.inputs[0]
        if len(self.inputs) == 1 and first.name not in names:
            if len(first.shape) != 2 or first.shape[1] != len(names):
                raise InputError(
                    f"Input {show(first.name)} has shape {show(first.shape)} and is no feature. "
                    f"A tensor with all features has shape [rows, {len(names)}], in this order: "
                    f"{', '.join(names[:SHOWN_FEATURES])}. "
                    "A tensor with the name of one has shape [rows]."
                )
            return signature.parse_columns(first.columns(signature))
        known, private = set(names), signature.private
        return signature.parse_columns(  # which says what is wrong with the names, too
            {
                each.name: each.column(each.name in private) if each.name in known else []
                for each in self.inputs
            }
        )

    def outputs(self, output: Output) -> list[OutputTensor]:
        """Choose the outputs that are asked for, in the order in which they are.

        Raises
        ------
        InputError
            The model has no such output.
        """
        given = output_tensors(output)
        if self.asked is None:
            return [replace(each, binary=True) for each in given] if self.binary else given
        known = {each.name: each for each in [*given, PREDICTION_ID]}
        for name in self.asked:
            if name not in known:
                raise InputError(
                    f"The model has no output {show(name)}. It has: {', '.join(known)}."
                )
        return [replace(known[name], binary=binary) for name, binary in self.asked.items()]


def _inputs(given: list[Any], binary: bytes | None) -> list[InputTensor]:
    """Read the inputs, each with its part of the bytes that follow the JSON."""
    tensors: dict[str, InputTensor] = {}
    place = 0
    for number, each in enumerate(given):
        if not isinstance(each, dict) or not isinstance(each.get("name"), str):
            raise InputError(
                f"Input {number} is no object with a name."  # and may hold a private value
            )
        name, shape, kind = each["name"], each.get("shape"), each.get("datatype")
        if name in tensors:
            raise InputError(f"Input {show(name)} is given twice. Give each input once.")
        datatype = DATATYPES.get(kind) if isinstance(kind, str) else None
        if datatype is None:
            raise InputError(
                f"Input {show(name)} has the datatype {show(kind)}; "
                f"these are read: {', '.join(DATATYPES)}."
            )
        if (
            not isinstance(shape, list)
            or not shape
            or not all(type(n) is int and n >= 0 for n in shape)
        ):
            raise InputError(
                f"Input {show(name)} has the shape {show(shape)}, but a list of whole numbers, "
                "such as [1] or [1, 4], is expected."
            )
        data, parameters = each.get("data"), _parameters(each, "Input", name)
        if "binary_data_size" in parameters:
            data = _part(name, each, parameters["binary_data_size"], binary, place)
            place += len(data)
        elif not isinstance(data, list):
            raise InputError(f"Input {show(name)} has no list of data.")
        tensors[name] = InputTensor(name, datatype, shape, data)
    if binary is not None and place < len(binary):
        raise InputError(
            f"After the JSON come {len(binary)} bytes, but the inputs' binary_data_size "
            f"add up to {place}."
        )
    return [*tensors.values()]


def _part(name: str, tensor: dict[str, Any], size: Any, binary: bytes | None, place: int) -> bytes:
    if tensor.get("data") is not None:
        raise InputError(
            f"Input {show(name)} has both data and binary_data_size. Give one of them."
        )
    if type(size) is not int or size < 0:
        raise InputError(
            f"Input {show(name)} has the binary_data_size {show(size)}, "
            "but a number of bytes is expected."
        )
    if binary is None:
        raise InputError(
            f"Input {show(name)} has a binary_data_size, but no header "
            "Inference-Header-Content-Length says where the JSON ends."
        )
    if size > len(binary) - place:
        raise InputError(
            f"Input {show(name)} has the binary_data_size {show(size)}, "
            f"but {len(binary) - place} bytes are left."
        )
    return binary[place : place + size]


def _asked(given: Any, binary: bool) -> dict[str, bool] | None:
    """Read the names of the outputs that are asked for; nothing asks for all."""
    if given is None or given == []:
        return None
    if not isinstance(given, list):
        raise InputError(f"The request's outputs are {show(given)}, but a list is expected.")
    asked: dict[str, bool] = {}
    for number, each in enumerate(given):
        if not isinstance(each, dict) or not isinstance(each.get("name"), str):
            raise InputError(
                f"Output {number} is {show(each)}, but an object with a name is expected."
            )
        name = each["name"]
        if name in asked:
            raise InputError(f"Output {show(name)} is asked for twice. Ask for each output once.")
        asked[name] = _flag(_parameters(each, "Output", name), "binary_data", binary)
    return asked


def _parameters(holder: dict[str, Any], what: str, name: str | None = None) -> dict[str, Any]:
    """Read the parameters of a request or tensor; those that are not known mean nothing here."""
    given = holder.get("parameters")
    if given is None:
        return {}
    where = what if name is None else f"{what} {show(name)}"
    if not isinstance(given, dict):
        raise InputError(f"{where} has the parameters {show(given)}, but an object is expected.")
    content_type = given.get("content_type")
    if content_type is not None and content_type not in CONTENT_TYPES:
        raise InputError(
            f"{where} has the content_type {show(content_type)}; "
            f"these are read: {', '.join(CONTENT_TYPES)}."
        )
    for parameter in NOT_OFFERED:
        if parameter in given:
            raise InputError(f"{where} has the parameter {parameter}, which is not offered.")
    return given


def _flag(parameters: dict[str, Any], name: str, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise InputError(f"Parameter {name} is {show(value)}, but true or false is expected.")
    return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and printable(value) == value
