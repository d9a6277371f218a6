"""Publications: the parts of a log by what was published, and the truth in the words of each.

A file of the copy holds lines of one publication, with their classes and targets in its metadata.
So each row is judged by its own line, whatever other versions predict, and whether or not the
version is still in the store.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import orjson
import pandas as pd

from service.lab.client.labels import truth_reader
from service.lab.log.columns import Database
from service.lab.log.copy_files import Part
from service.lab.log.view import names_of, read_files

WITH_TRUTH = """
    SELECT prediction_id::VARCHAR FROM predictions SEMI JOIN feedback USING (prediction_id)"""
PUBLICATIONS = """
    SELECT file_name, decode(value) FROM parquet_kv_metadata($files)
    WHERE key = 'publication'::BLOB"""


@dataclass(frozen=True)
class Logged:
    """Logged predictions of one publication: `table`, as `read` returns it, in its own types.

    `version`, `classes` and `targets` are those of its lines.
    """

    version: int
    classes: list[Any] | None
    targets: list[str] | None
    table: pd.DataFrame


class Publication(NamedTuple):
    """What lines say of the publication that they are about, and the files that hold them."""

    version: int
    digest: str | None
    classes: list[Any] | None
    targets: list[str] | None
    files: list[Part]


def publications(database: Database, parts: list[Part]) -> list[Publication]:
    """Sort files by publication, the lowest version first."""
    if not parts:
        return []
    files = {"files": names_of(parts)}
    said = dict(database.execute(PUBLICATIONS, files).fetchall())
    found: dict[str, Publication] = {}
    for part in sorted(parts, key=lambda each: (each.version, each.first, each.file)):
        text = said[str(part.file)]
        if text not in found:
            version, digest, classes, targets = orjson.loads(text)
            found[text] = Publication(version, digest, classes, targets, [])
        found[text].files.append(part)
    return [*found.values()]


def truths(database: Database, parts: list[Part], table: pd.DataFrame) -> pd.Series:
    """Read the truths of a table in the words of each publication; what is none of them stays."""
    known = table["truth"].dropna().astype(object)
    if known.empty:
        return known
    texts = known.tolist()
    meant = np.array(texts, dtype=object)
    found = publications(database, parts)
    for each in found:
        places = np.arange(len(texts))
        if len(found) > 1:
            read_files(database, names_of(each.files)).create_view("predictions", replace=True)
            ids = [name for (name,) in database.execute(WITH_TRUTH).fetchall()]
            places = np.flatnonzero(table["prediction_id"][known.index].isin(ids))
        read = truth_reader(each.classes, each.targets)
        for place in places.tolist():
            value = read(texts[place])
            meant[place] = texts[place] if value is None else value
    return pd.Series(meant, index=known.index, dtype=object)


def typed(table: pd.DataFrame, known: pd.Series) -> pd.Series:
    """Give the truths the type of the predictions; if one does not fit, all are text."""
    types = {*map(type, known)}
    if dict in types:
        return known.reindex(table.index)
    kind = table["prediction"].dtype if "prediction" in table else "str"
    if types <= {bool} and pd.api.types.is_bool_dtype(kind):
        return known.astype("boolean").reindex(table.index)
    if types <= {int} and pd.api.types.is_integer_dtype(kind):
        with suppress(OverflowError):
            return known.astype("Int64").reindex(table.index)
    if types <= {int, float} and pd.api.types.is_float_dtype(kind):
        return known.astype("float64").reindex(table.index)
    texts = [each if isinstance(each, str) else orjson.dumps(each).decode() for each in known]
    return pd.Series(texts, index=known.index, dtype="str").reindex(table.index)
