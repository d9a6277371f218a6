"""The zip file and the arrays in it."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator

from tests.contract.model_file.crafted.case import (
    Node,
    attributes,
    case,
    edited,
    line,
    node,
    put,
    sequence,
    value,
    written,
)

# The zip.


def saved(array: np.ndarray, **options: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array, **options)
    return out.getvalue()


@case
def array_that_is_a_pickle(path: str) -> bytes:
    objects = saved(np.array([BaseEstimator()], dtype=object), allow_pickle=True)
    odd = node("NdArrayNode", "numpy.ndarray", type="numpy", file="1.npy")
    change = lambda schema: attributes(schema).update(coef_=odd)  # noqa: E731
    return edited(line(), change, {"1.npy": objects})


@case
def array_that_is_an_archive(path: str) -> bytes:
    out = io.BytesIO()
    np.savez(out, np.zeros(1))
    odd = node("NdArrayNode", "numpy.ndarray", type="numpy", file="1.npy")
    change = lambda schema: attributes(schema).update(coef_=odd)  # noqa: E731
    return edited(line(), change, {"1.npy": out.getvalue()})


@case
def array_longer_than_the_file(path: str) -> bytes:
    content = saved(np.zeros(10**4)).replace(b"(10000,)", b"(1000000000000,)")
    odd = node("NdArrayNode", "numpy.ndarray", type="numpy", file="1.npy")
    change = lambda schema: attributes(schema).update(coef_=odd)  # noqa: E731
    return edited(line(), change, {"1.npy": content})


@case
def array_of_nothing_without_end(path: str) -> bytes:
    content = saved(np.zeros(1, dtype="V1"))[:-1]
    content = content.replace(b"'|V1'", b"'|V0'").replace(b"(1,)", b"(9999999999999,)")
    odd = node("NdArrayNode", "numpy.ndarray", type="numpy", file="1.npy")
    change = lambda schema: attributes(schema).update(coef_=odd)  # noqa: E731
    return edited(line(), change, {"1.npy": content})


@case
def member_that_is_missing(path: str) -> bytes:
    return edited(line(), lambda schema: attributes(schema)["coef_"].update(file="1.npy"))


@case
def member_that_nobody_names(path: str) -> bytes:
    return edited(line(), lambda schema: None, {"1.npy": saved(np.zeros(1))})


@case
def member_with_a_path(path: str) -> bytes:
    name = "../../1.npy"
    change = lambda schema: attributes(schema)["coef_"].update(file=name)  # noqa: E731
    return edited(line(), change, {name: saved(np.zeros(1))})


@case
def member_that_is_the_tree(path: str) -> bytes:
    return edited(line(), lambda schema: attributes(schema)["coef_"].update(file="schema.json"))


@case
def member_twice(path: str) -> bytes:
    return edited(line(), lambda schema: None, {"schema.json": b"{}"})


@case
def member_of_another_name(path: str) -> bytes:
    """Its own header has another name than the file's directory."""
    return written(line()).replace(b"schema.json", b"schema.jsan", 1)


@case
def member_without_a_header(path: str) -> bytes:
    return written(line()).replace(b"PK\3\4", b"PK\3\5", 1)


@case
def member_that_was_altered(path: str) -> bytes:
    content = bytearray(written(line()))
    content[content.index(b"NUMPY") + 128] ^= 1  # a value of the first array
    return bytes(content)


@case
def bomb(path: str) -> bytes:
    out = io.BytesIO(written(line()))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("1.npy", bytes(10**8))
    return out.getvalue()


@case
def bomb_in_a_sparse_matrix(path: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("data.npy", saved(np.zeros(1)))
        file.getinfo("data.npy").file_size = 2**31
    odd = node("SparseMatrixNode", "scipy.sparse._csr.csr_matrix", type="scipy", file="1.npz")
    change = lambda schema: attributes(schema).update(coef_=odd)  # noqa: E731
    return edited(line(), change, {"1.npz": packed.getvalue()})


def many(loader: str, name: str, file: str, kind: str, content: bytes) -> bytes:
    nodes = [node(loader, name, type=kind, file=file) for _ in range(120)]
    return put_file("coef_", sequence("ListNode", "builtins.list", *nodes), file, content)


def put_file(attribute: str, odd: Node, file: str, content: bytes) -> bytes:
    change = lambda schema: attributes(schema).update({attribute: odd})  # noqa: E731
    return edited(line(), change, {file: content})


@case
def array_that_many_name(path: str) -> bytes:
    """skops reads it anew for each node."""
    return many("NdArrayNode", "numpy.ndarray", "1.npy", "numpy", saved(np.zeros(10**4)))


@case
def sparse_matrix_that_many_name(path: str) -> bytes:
    out = io.BytesIO()
    sparse.save_npz(out, sparse.csr_matrix(np.ones((1, 10**6))))
    return many(
        "SparseMatrixNode", "scipy.sparse._csr.csr_matrix", "1.npz", "scipy", out.getvalue()
    )


def older(protocol: Any) -> Callable[[str], bytes]:
    def make(path: str) -> bytes:
        return edited(line(), lambda schema: schema.update(protocol=protocol))

    make.__name__ = f"protocol_{protocol!r}"
    return make


for protocol in (0, 1, 3, True, "2", None):
    case(older(protocol))


@case
def very_deep_nesting(path: str) -> bytes:
    inner = value(1)
    for _ in range(300):
        inner = sequence("ListNode", "builtins.list", inner)
    return put(line(), "class_weight", inner)


@case
def deep_nesting_of_json(path: str) -> bytes:
    return put(line(), "class_weight", {**value(1), "content": "[" * 10**6})


@case
def tree_that_is_a_list(path: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("schema.json", "[]")
    return out.getvalue()
