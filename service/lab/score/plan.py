"""Plan: what a scoring does: which version, which data, in which parts, with which columns."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

from service.contract.errors import InputError, ScoringError
from service.contract.model import checksums
from service.contract.model.manifest import Manifest
from service.contract.model.store import ModelStore
from service.contract.signature.container import TEXTS
from service.contract.signature.refusal import refused_names
from service.contract.signature.signature import Signature
from service.lab.client.rows import Rows
from service.lab.log.columns import connect, let_read
from service.lab.score.data import csv_file, parquet
from service.lab.score.data.files import DataFile, find_files
from service.lab.score.data.parts import Part, Piece, numbered, pieces_of_rows
from service.lab.score.data.remote import KINDS
from service.lab.score.result import dtype_in_duckdb, dtype_of_column

FORMAT = 1  # one higher when parts that were written before cannot be gone on with


@dataclass(frozen=True)
class Plan:
    """What a scoring does.

    Parameters
    ----------
    name, version, digest
        The model version, and what was published as this version.
    files : list of DataFile
        None, if the data set is a table.
    heads : list of Head
        Of CSV files.
    features : dict of str to str
        For each feature the column that has its values.
    others : dict of str to str
        The columns that are no features, each with its dtype in the result.
    left_out : list of str
        Columns that no result can hold, because they are nested.
    parts : list of Part
    content : str
        A digest of the table, if the data set is one.
    """

    name: str
    version: int
    digest: str
    files: list[DataFile]
    heads: list[csv_file.Head]
    features: dict[str, str]
    others: dict[str, str]
    left_out: list[str]
    parts: list[Part]
    content: str = ""
    table: pd.DataFrame | None = field(default=None, repr=False)

    @cached_property
    def rows(self) -> int:
        """How many rows the data set has."""
        return sum(part.rows for part in self.parts)

    @cached_property
    def fingerprint(self) -> str:
        """What is the same only for the same version, data and parts."""
        said = {
            "format": FORMAT,
            "model": [self.name, self.version, self.digest],
            "files": [asdict(file) for file in self.files],
            "columns": [self.features, self.others],
            "parts": [asdict(part) for part in self.parts],
            "content": self.content,
        }
        return sha256(orjson.dumps(said)).hexdigest()


def make_plan(store: ModelStore, name: str, version: int, data: Any) -> Plan:
    """Look at a data set, and cut it into parts.

    Parameters
    ----------
    store : ModelStore
    name : str
    version : int
    data : table, path or sequence of paths
        As `Lab.score` takes it.

    Raises
    ------
    ScoringError
        There are no rows, or files differ in their columns.
    InputError
        A feature has no column.
    """
    store.fetch(name, version)
    manifest = store.manifest(name, version)
    who = name, version, checksums.digest(store.folder(name, version))
    if _are_paths(data, manifest.signature):
        files = find_files(data)
        is_csv = files[0].path.endswith(".csv")
        plan = (_of_csv if is_csv else _of_parquet)(who, manifest, files)
    else:
        plan = _of_table(who, manifest, data)
    if not plan.parts:
        more = f" and {len(plan.files) - 1} more" if len(plan.files) > 1 else ""
        where = f"{plan.files[0].path}{more}" if plan.files else "the table"
        raise ScoringError(f"There is not one row in {where}.")
    return plan


def _are_paths(data: Any, signature: Signature) -> bool:
    """Whether data are files; a list of texts may be rows of a model that takes these."""
    if isinstance(data, str | Path):
        return True
    several = isinstance(data, list | tuple) and all(isinstance(each, str | Path) for each in data)
    if not several or not data or signature.container not in TEXTS:
        return several and bool(data)
    return all(str(each).endswith(KINDS) for each in data)


Who = tuple[str, int, str]


def _of_table(who: Who, manifest: Manifest, data: Any) -> Plan:
    signature = manifest.signature
    rows = Rows.of(data, lambda: signature.names)
    table = rows.frame
    if not rows.named and len(table.columns) == len(signature.names):
        table = table.set_axis(signature.names, axis="columns")
    features = features_of(signature, [*table.columns])
    others = {
        str(name): dtype_of_column(column)
        for name, column in table.items()
        if name not in features.values()
    }
    size = table.memory_usage(index=False, deep=True).sum() / max(1, len(table))
    pieces = pieces_of_rows(0, len(table), _width(manifest, others), float(size))
    return Plan(*who, [], [], features, others, [], [*numbered(pieces)], _content(table), table)


def _content(table: pd.DataFrame) -> str:
    """Digest a table, so that a scoring goes on only with the same one."""
    digest = sha256(orjson.dumps([*table.columns]))
    for _, column in table.items():
        try:
            hashes = pd.util.hash_pandas_object(column, index=False)
        except (TypeError, UnicodeEncodeError):  # it has lists, or what no file can hold
            hashes = pd.util.hash_pandas_object(column.map(ascii), index=False)
        digest.update(np.ascontiguousarray(hashes.to_numpy()).tobytes())
    return digest.hexdigest()


def _of_csv(who: Who, manifest: Manifest, files: list[DataFile]) -> Plan:
    known = manifest.signature.names
    heads = [csv_file.head_of(file.path, known) for file in files]
    _check_same(files, [dict.fromkeys(head.columns, "text") for head in heads])
    columns = _with_keys(files[0], heads[0].columns)
    features = features_of(manifest.signature, columns)
    others = {name: "str" for name in columns if name not in features.values()}
    width = _width(manifest, others)

    def pieces() -> Iterable[Piece]:
        for number, (file, head) in enumerate(zip(files, heads, strict=True)):
            yield from csv_file.pieces(number, file.path, head, width)

    return Plan(*who, files, heads, features, others, [], [*numbered(pieces())])


def _of_parquet(who: Who, manifest: Manifest, files: list[DataFile]) -> Plan:
    with connect() as database:
        let_read(database, files[0].path)
        held = [parquet.held_by(database, file.path) for file in files]
    types = held[0].columns
    columns = _with_keys(files[0], [*types])
    features = features_of(manifest.signature, columns)
    _check_same(files, [each.columns for each in held])
    dtypes = {name: _common([each.columns.get(name) for each in held]) for name in columns}
    shown = {name: d for name, d in dtypes.items() if d and name not in features.values()}
    left_out = [name for name, dtype in dtypes.items() if dtype is None]
    width = _width(manifest, shown)
    pieces = (
        piece for number, each in enumerate(held) for piece in parquet.pieces(number, each, width)
    )
    return Plan(*who, files, [], features, shown, left_out, [*numbered(pieces)])


def _with_keys(file: DataFile, columns: list[str]) -> list[str]:
    """Add the columns that folders stand for; where a file has the same one, its own counts."""
    return [*dict.fromkeys([*columns, *dict(file.keys)])]


def _width(manifest: Manifest, others: dict[str, str]) -> int:
    """Return how many values are read and predicted for a row."""
    output = manifest.signature.output
    classes = output.classes or []
    flat = sum(len(each) if isinstance(each, list) else 1 for each in classes)
    return len(manifest.signature.names) + len(others) + flat + len(output.targets or [None])


def _check_same(files: list[DataFile], columns: Sequence[dict[str, str]]) -> None:
    """Refuse files that differ in their columns, or in the types of these.

    Raises
    ------
    ScoringError
        The text names the files and the column.
    """
    first = columns[0]
    for file, own in zip(files, columns, strict=True):
        for name in [*first, *own]:
            here, there = own.get(name), first.get(name)
            if here is None or there is None:
                has, lacks = (files[0], file) if here is None else (file, files[0])
                raise ScoringError(
                    f"{lacks.path} has no column {name!r}, which {has.path} has. Files of one data "
                    "set need the same columns: score them apart, or write them alike."
                )
            if _sort(here) != _sort(there):
                raise ScoringError(
                    f"Column {name!r} is {here} in {file.path} and {there} in {files[0].path}. "
                    "Files of one data set need the same types: score them apart, or write them "
                    "alike."
                )


def _common(kinds: list[str | None]) -> str | None:
    """Return the dtype that holds a column of all files; a folder's name is text."""
    dtypes = {"str" if kind is None else dtype_in_duckdb(kind) for kind in kinds}
    return dtypes.pop() if len(dtypes) == 1 else "float64"  # else they are numbers


def _sort(kind: str) -> str:
    """Return what a type is written as; numbers of any size are one sort."""
    dtype = dtype_in_duckdb(kind) or kind
    return "number" if dtype in ("Int64", "UInt64", "float64") else dtype


def features_of(signature: Signature, columns: list[str]) -> dict[str, str]:
    """Find the column of each feature.

    Parameters
    ----------
    signature : Signature
    columns : list of str
        Those of the data set. A model that was fitted without names takes any, in their order.

    Raises
    ------
    InputError
        Features have none; the text names them.
    """
    names = signature.names
    if signature.is_nameless and len(columns) == len(names) and not {*columns} & {*names}:
        return dict(zip(names, columns, strict=True))
    missing = [name for name in names if name not in columns]
    if signature.container == "dicts" and len(missing) < len(names):
        return {name: name for name in names if name in columns}
    if missing:
        error = refused_names(signature.features, columns, None)
        wanted = [each for each in error.details if each["problem"] == "is missing"]
        raise InputError(str(error), wanted)
    return {name: name for name in names}
