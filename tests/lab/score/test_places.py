"""A result in an object store is what it is in a folder."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from service.contract.errors import LabloopError, ScoringError
from service.contract.model.store import ModelStore
from service.lab import Lab
from service.lab.publish.publication import Publication
from service.lab.score.data import parts
from service.lab.score.places import prefix
from service.lab.score.places.opening import place_at
from tests.support.live import CHECKOUT
from tests.support.models import iris
from tests.support.s3 import READER, S3, environment

PART = 40
FLOWERS = iris().X.assign(species=iris().y)
SCRIPT = """
import sys
import pandas as pd
from service.lab import Lab
from service.lab.score import scoring
from service.lab.score.data import parts
from service.lab.score.places import prefix

parts.ROWS, scoring.HERE, prefix.BEAT = 40, 10, 0.3
score_part = scoring.score_part
def slow(job, part, source):
    if part.number == 2:
        print("two parts are done", flush=True)
        sys.stdin.readline()
    return score_part(job, part, source)
scoring.score_part = slow
models, data, out = sys.argv[1:]
Lab(models_dir=models, dask_scheduler_address="").score("iris", data, out, version=1)
"""


@pytest.fixture
def lab(tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    store = ModelStore(tmp_path / "models")
    publication = Publication("iris", iris().estimator, iris().X, iris().y)
    store.promote("iris", publication.write(store))
    monkeypatch.setattr(parts, "ROWS", PART)
    monkeypatch.setattr("service.lab.score.scoring.HERE", 10)
    monkeypatch.setattr(prefix, "BEAT", 0.3)
    monkeypatch.setattr(prefix, "DEAD", 2.0)
    monkeypatch.setattr(prefix, "LOOK", 0.05)
    with environment(s3.environment):
        yield Lab(models_dir=tmp_path / "models", dask_scheduler_address="")


def flowers_in(folder: Path) -> Path:
    """Write flowers, of which one does not fit."""
    table = FLOWERS.astype({"petal_width": object})
    table.loc[7, "petal_width"] = "wide"
    table.to_csv(folder / "flowers.csv", index=False)
    return folder / "flowers.csv"


def test_it_is_what_a_folder_has(lab: Lab, s3: S3, tmp_path: Path) -> None:
    data, url, folder = flowers_in(tmp_path), f"{s3.url}/scores/", tmp_path / "scores"
    trial = lab.score("iris", data, url, check_only=True)
    assert trial.notes[0] == f"4 parts of 1 file, into {s3.url}/scores."
    assert [*s3.objects().list("")] == []
    with lab.cluster(workers=2):
        there = lab.score("iris", data, url)
    here = lab.score("iris", data, folder)
    assert (there.folder, there.rows, there.refused) == (f"{s3.url}/scores", 149, 1)
    pd.testing.assert_frame_equal(there.table, here.table)
    query = "SELECT * EXCLUDE time FROM '{}/part-*.parquet' ORDER BY row"
    found = lab.sql(query.format(there.folder))
    pd.testing.assert_frame_equal(found, lab.sql(query.format(folder)))
    want = iris().estimator.predict_proba(iris().X.drop(index=7))
    assert np.array_equal(found[["proba_0", "proba_1", "proba_2"]], want)
    refused = lab.sql(f"FROM '{there.folder}/_refused/*.parquet'")
    assert refused["row"].tolist() == [7]
    names = {entry.key for entry in s3.objects().list("scores/")}
    assert names == {f"scores/{file.relative_to(folder)}" for file in files(folder)} - {
        "scores/.lock"
    }
    drift = lab.drift("iris", scored=url)
    pd.testing.assert_frame_equal(drift.table, lab.drift("iris", scored=folder).table)
    quality = lab.quality("iris", scored=url, truth="species")
    assert quality.total["accuracy"] == (found["prediction"] == iris().y.drop(index=7).array).mean()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_killed_notebook_is_followed(lab: Lab, s3: S3, tmp_path: Path) -> None:
    data, url = flowers_in(tmp_path), f"{s3.url}/scores"
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "models"), str(data), url]
    with subprocess.Popen(
        command,
        cwd=CHECKOUT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as notebook:
        assert notebook.stdout
        assert notebook.stdout.readline() == "two parts are done\n"
        with pytest.raises(ScoringError, match=rf"Another run .*: process {notebook.pid} "):
            lab.score("iris", data, url)
        with pytest.raises(ScoringError, match=r"is not complete. Repeat the same call"):
            lab.drift("iris", scored=url)
        notebook.kill()
    before = {entry.key: entry.etag for entry in s3.objects().list("scores/")}
    report = lab.score("iris", data, url)
    assert report.notes[-2] == "80 rows had been done before this run."
    after = {entry.key: entry.etag for entry in s3.objects().list("scores/")}
    for number in (0, 1):
        part = f"scores/part-{number:06d}.parquet"
        assert before[part] == after[part]
    assert lab.sql(f"FROM '{url}/part-*.parquet'")["row"].is_unique
    assert report.rows == 149


def test_a_place_keeps_its_scores(lab: Lab, s3: S3, tmp_path: Path) -> None:
    url = f"{s3.url}/scores"
    lab.score("iris", FLOWERS, url)
    before = {entry.key: entry.etag for entry in s3.objects().list("")}
    with pytest.raises(ScoringError, match=r"has scores of iris version 1, begun .*of other data"):
        lab.score("iris", FLOWERS.iloc[::-1], url)
    assert {entry.key: entry.etag for entry in s3.objects().list("")} == before
    with pytest.raises(ScoringError, match=r"has other files \(scores\)"):
        lab.score("iris", FLOWERS, s3.url)
    data = flowers_in(tmp_path)
    s3.objects().put("data/flowers.csv", data)
    with pytest.raises(ScoringError, match="where the data set is, too"):
        lab.score("iris", f"{s3.url}/data/flowers.csv", f"{s3.url}/data")


def test_holders_follow_each_other(lab: Lab, s3: S3) -> None:
    """Of several that want a place at a time, one has it, and its life signs keep it."""
    place = place_at(f"{s3.url}/scores")
    with (
        place.held() as first,
        pytest.raises(ScoringError, match="Another run writes to"),
        place.held(),
    ):
        pass
    with place.held() as second:
        assert first != second
    assert [*s3.objects().list("")] == []


def test_nothing_comes_after_a_holder(tmp_path: Path) -> None:
    """A worker that lost its notebook may still be at a part when the next run begins."""
    place = place_at(tmp_path / "out")
    with place.held() as staging:
        place.put(staging, "part-0", Path.touch)
    for name in ("part-1", "_refused/part-1"):
        with pytest.raises(FileNotFoundError):
            place.put(staging, name, Path.touch)
    assert {*place.names()} == {".lock", "part-0"}
    assert not [*(tmp_path / "out").glob(".staging-*")]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3://", "'s3://' cannot be used: it must be s3://bucket"),
        ("s3://no-such-bucket/scores", "no-such-bucket"),
    ],
)
def test_what_is_no_place_is_named(lab: Lab, url: str, words: str) -> None:
    with pytest.raises(LabloopError, match=words):
        lab.score("iris", FLOWERS, url)


def test_a_reader_cannot_write(lab: Lab, s3: S3) -> None:
    reader = S3(s3.endpoint, s3.prefix, s3.bucket, READER, f"secret-of-{READER}")
    with environment(reader.environment), pytest.raises(LabloopError, match=r"s3://.*write"):
        lab.score("iris", FLOWERS, f"{s3.url}/scores")
