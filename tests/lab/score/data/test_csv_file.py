"""A CSV file is cut between its records, wherever these end, and each is read as pandas does."""

import csv
import random
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from service.contract.errors import ScoringError
from service.contract.signature.feature import Feature
from service.lab.score.data import csv_file, parts
from tests.support.soak import times

CELLS = ["", "a", "b\nc", 'q"x', "z,z", "  ", "\r\n", "1.5", "\n\n", "ü", "NA"]
NUMBER = {"n": Feature.from_column("n", pd.Series([0.5]))}


def written(path: Path, rows: list[list[str]], end: str, quoting: int, last: bool) -> None:
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([["x", "y", "z"], *rows])
    content = text.getvalue()
    if not last and rows and rows[-1][-1].strip():  # a last line without an end
        content = content.removesuffix(end)
    path.write_text(content, newline="")


def read_in_pieces(path: Path) -> pd.DataFrame:
    head = csv_file.head_of(str(path), ["x"])
    tables = [pd.DataFrame(columns=head.columns, dtype="str")]
    for piece in csv_file.pieces(0, str(path), head, 3):
        table, refused = csv_file.read_records(str(path), head, piece.start, piece.stop, {})
        assert len(table) == piece.rows
        assert refused == {}
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


@pytest.mark.parametrize("seed", range(times(4000, 40)))
def test_cut_files_are_read_whole(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    for name, values in {"BLOCK_BYTES": [1, 2, 3, 7, 1000], "BYTES": [10, 50, 1000]}.items():
        monkeypatch.setattr(csv_file, name, chance.choice(values))
    monkeypatch.setattr(parts, "ROWS", chance.choice([1, 3, 100]))
    rows = [[chance.choice(CELLS) for _ in range(3)] for _ in range(chance.randint(0, 40))]
    path = tmp_path / "data.csv"
    quoting = chance.choice([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
    written(path, rows, chance.choice(["\n", "\r\n"]), quoting, chance.random() < 0.5)
    assert read_in_pieces(path).equals(pd.read_csv(path, dtype="str"))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(separator: str, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(f"\ufeffn{separator}m\n0.1{separator}7\n".encode())
    head = csv_file.head_of(str(path), ["n"])
    assert head.columns == ["n", "m"]
    table, _ = csv_file.read_records(str(path), head, head.end, path.stat().st_size, NUMBER)
    assert table["n"].tolist() == [0.1]
    assert table["m"].tolist() == ["7"]


def test_odd_values_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("n,m\n0.30000000000000004,1\nbig,2\n,\n7,1,2,3\n8\n")
    head = csv_file.head_of(str(path), ["n"])
    table, refused = csv_file.read_records(str(path), head, head.end, 1000, NUMBER)
    read = csv_file.from_text(NUMBER["n"], table["n"])
    assert read.tolist() == [0.30000000000000004, "big", None, 7.0, 8.0]
    assert refused == {3: "It has 4 values, and the file has 2 columns."}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "does not begin with a line of column names"),
        (b"n,n\n1,2\n", "has the column 'n' twice"),
        (b'n,m\n1,"2\n3,4\n', "has a quotation mark that is never closed: after byte 4 no"),
        (b"n,m\xe9\n1,2\n", "is not in UTF-8"),
    ],
)
def test_what_is_no_table_is_named(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    with pytest.raises(ScoringError, match=words):
        list(csv_file.pieces(0, str(path), csv_file.head_of(str(path), ["n"]), 2))
