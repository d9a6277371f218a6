"""Files in an object store are scored like those on a disk."""

from pathlib import Path

import duckdb
import numpy as np
import pytest

from service.contract.errors import LabloopError
from service.contract.model.store import ModelStore
from service.lab import Lab
from service.lab.publish.publication import Publication
from service.lab.score.data import parts
from tests.support.models import iris
from tests.support.s3 import S3, environment
from tests.support.scores import scored


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    store = ModelStore(tmp_path / "models")
    publication = Publication("iris", iris().estimator, iris().X, iris().y)
    store.promote("iris", publication.write(store))
    monkeypatch.setattr(parts, "ROWS", 40)
    monkeypatch.setattr("service.lab.score.scoring.HERE", 10)
    return Lab(models_dir=tmp_path / "models", dask_scheduler_address="")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("place", ["data/", "data", "data/lot=*/*.{}", "data/lot=b/2.{}"])
def test_objects_are_scored(lab: Lab, s3: S3, kind: str, place: str, tmp_path: Path) -> None:
    objects, flowers = s3.objects(), iris().X
    for number, lot in enumerate(["a", "a", "b"]):
        file = tmp_path / f"flowers.{kind}"
        part = flowers.iloc[number * 50 : number * 50 + 50]
        with duckdb.connect() as database:
            table = database.from_df(part)
            table.write_csv(str(file)) if kind == "csv" else table.write_parquet(str(file))
        objects.put(f"data/lot={lot}/{number}.{kind}", file)
    objects.put(f"data/_old/3.{kind}", b"not read")
    objects.put("database/4.csv", b"not read")
    with environment(s3.environment):
        report = lab.score("iris", f"{s3.url}/{place.format(kind)}", tmp_path / "out")
    assert report.table.empty
    found = scored(tmp_path / "out")
    first = 0 if "lot=b" not in place else 100
    want = iris().estimator.predict_proba(flowers.iloc[first:])
    assert np.array_equal(found[["proba_0", "proba_1", "proba_2"]], want)
    assert {*found["lot"]} == ({"a", "b"} if first == 0 else {"b"})
    assert found["file"].str.startswith(f"{s3.url}/data/lot=").all()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nothing/", r"There is no file \*.parquet or \*.csv at s3://"),
        ("nothing/a.csv", "There is no s3://.*nothing/a.csv"),
        ("nothing/*.csv", r"There is no file \*.parquet or \*.csv at s3://"),
    ],
)
def test_missing_objects_are_named(lab: Lab, s3: S3, path: str, words: str) -> None:
    with environment(s3.environment), pytest.raises(LabloopError, match=words):
        lab.score("iris", f"{s3.url}/{path}", "out")
