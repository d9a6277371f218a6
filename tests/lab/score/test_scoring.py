"""A scoring goes on after whatever ends it, and two never write to one place."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from service.contract.errors import ClusterError, LabloopError, ScoringError
from service.contract.model.store import ModelStore
from service.lab import Lab
from service.lab.cluster.cluster import Cluster
from service.lab.publish.publication import Publication
from service.lab.score import scoring
from service.lab.score.data import parts
from service.lab.score.data.parts import Part
from service.lab.score.part import Job, Scored, Source, score_part
from service.lab.score.places.opening import place_at
from service.lab.score.plan import make_plan
from tests.support.disks import mounted
from tests.support.live import CHECKOUT, wait_until
from tests.support.models import iris
from tests.support.scores import scored, to_parquet

ROWS, PART = 20_000, 250
SCRIPT = """
import sys
from service.lab import Lab
from service.lab.score.data import parts

if __name__ == "__main__":
    models, data, out = sys.argv[1:]
    parts.ROWS = 250
    lab = Lab(models_dir=models, dask_scheduler_address="")
    with lab.cluster(workers=1):
        lab.score("iris", data, out, version=1)
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    store = ModelStore(folder)
    publication = Publication("iris", iris().estimator, iris().X, iris().y)
    store.promote("iris", publication.write(store))
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write more flowers than one part has, of which one does not fit."""
    file = tmp_path_factory.mktemp("data") / "flowers.parquet"
    flowers = flowers_of(ROWS)
    flowers.loc[777, "petal_width"] = np.inf
    to_parquet(flowers, file)
    return file


def flowers_of(rows: int) -> pd.DataFrame:
    places = np.random.default_rng(0).integers(0, len(iris().X), rows)
    return iris().X.iloc[places].reset_index(drop=True)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Lab(dask_scheduler_address="").cluster(workers=2) as cluster:
        yield cluster


@pytest.fixture
def lab(models: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setattr(parts, "ROWS", PART)
    return Lab(models_dir=models, dask_scheduler_address="")


def assert_complete(out: Path) -> None:
    """See that each row was predicted once, as the estimator does, and nothing is left over."""
    found, flowers = scored(out), flowers_of(ROWS).drop(index=777)
    assert found["row"].tolist() == flowers.index.tolist()
    want = iris().estimator.predict_proba(flowers)
    assert np.array_equal(found[["proba_0", "proba_1", "proba_2"]], want)
    assert scored(out / "_refused")["row"].tolist() == [777]
    assert not [*out.glob(".staging-*")]


def written(out: Path) -> dict[str, int]:
    return {file.name: file.stat().st_ino for file in out.glob("part-*.parquet")}


def test_a_killed_notebook_goes_on(lab: Lab, models: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-c", SCRIPT, str(models), str(data), str(out)]
    with subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.DEVNULL) as notebook:
        wait_until(lambda: len(written(out)) >= 5, "five parts are done")
        with pytest.raises(ScoringError, match=f"Another run writes to .*: process {notebook.pid}"):
            lab.score("iris", data, out)
        notebook.kill()
    before = written(out)
    assert len(before) < ROWS / PART
    with pytest.raises(ScoringError, match=r"is not complete. Repeat the same call"):
        lab.drift("iris", scored=out)
    report = lab.score("iris", data, out)
    assert before.items() <= written(out).items()  # what was done is not done again
    rows = PART * len(before)
    assert report.notes[2] == f"{rows:,} rows had been done before this run."
    assert_complete(out)
    everything = written(out)
    again = lab.score("iris", data, out)
    assert written(out) == everything
    assert again.notes[1] == "20,000 rows had been done before this run."
    assert again.heading == report.heading == "19,999 rows scored by iris version 1, in 80 parts."


def test_a_killed_worker_is_replaced(
    lab: Lab, cluster: Cluster, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = [*cluster.run(os.getpid).values()]
    killed: list[int] = []

    def kill_one(*_: Any) -> None:
        if not killed:
            os.kill(pids[0], signal.SIGKILL)
            killed.append(pids[0])

    monkeypatch.setattr("service.lab.score.scoring.tqdm.update", kill_one)
    lab.score("iris", data, tmp_path / "out")
    assert killed
    assert_complete(tmp_path / "out")
    cluster.wait_for_workers(2, timeout=30)


def test_a_table_survives_a_killed_worker(
    lab: Lab, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flowers = flowers_of(ROWS)
    flowers.loc[777, "petal_width"] = np.inf
    pids = [*cluster.run(os.getpid).values()]

    def kill_one(*_: Any) -> None:
        if pids:
            os.kill(pids.pop(), signal.SIGKILL)

    monkeypatch.setattr("service.lab.score.scoring.tqdm.update", kill_one)
    lab.score("iris", flowers, tmp_path / "out")
    assert_complete(tmp_path / "out")
    cluster.wait_for_workers(2, timeout=30)


def deadly(job: Job, part: Part, source: Source) -> Scored:
    """Score a part as any other, but for one, which ends the process."""
    if part.number == 3:
        time.sleep(1)  # as what takes too much memory; Dask restarts nobody who has just started
        os.kill(os.getpid(), signal.SIGKILL)
    return score_part(job, part, source)


def test_a_part_that_kills_is_named(
    lab: Lab, cluster: Cluster, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(scoring, "score_part", deadly)
        with pytest.raises(ScoringError, match=r"Part 3, rows 750 to 999 of .*flowers"):
            lab.score("iris", data, tmp_path / "out")
    assert {*range(80)} - {int(name[5:11]) for name in written(tmp_path / "out")} == {3}
    cluster.wait_for_workers(2, timeout=30)
    lab.score("iris", data, tmp_path / "out")
    assert_complete(tmp_path / "out")


def test_a_lost_cluster_is_told(
    lab: Lab, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lab.cluster(workers=1) as lost:
        monkeypatch.setattr(
            "service.lab.score.scoring.tqdm.update", lambda *_: lost.cluster.close()
        )
        with pytest.raises(ClusterError, match="What is done is kept: the same call goes on"):
            lab.score("iris", data, tmp_path / "out")
    monkeypatch.undo()
    monkeypatch.setattr(parts, "ROWS", PART)
    lab.score("iris", data, tmp_path / "out")
    assert_complete(tmp_path / "out")


def test_a_cluster_without_workers_is_told(
    lab: Lab, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(scoring, "LONELY_SECONDS", 1.0)
    with lab.cluster(workers=1) as lonely:
        updated = "service.lab.score.scoring.tqdm.update"
        monkeypatch.setattr(updated, lambda *_: lonely.cluster.scale(0))
        with pytest.raises(ClusterError, match=r"has had no worker for 1 s\. Start some"):
            lab.score("iris", data, tmp_path / "out")


def test_a_full_disk_loses_nothing(lab: Lab, data: Path, cluster: Cluster) -> None:
    with mounted("400k") as disk:
        (disk / "reserve").write_bytes(bytes(250_000))
        with pytest.raises(ScoringError, match=r"cannot be written: .*the same call goes on"):
            lab.score("iris", data, disk / "out")
        before = written(disk / "out")
        assert len(before) < ROWS / PART
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        lab.score("iris", data, disk / "out")
        assert before.items() <= written(disk / "out").items()
        assert_complete(disk / "out")


def test_a_small_worker_is_refused(
    lab: Lab, data: Path, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "NEEDED", 10**9)
    with pytest.raises(ClusterError, match=r"Part 0, rows 0 to 249 of .*takes about .* MB"):
        lab.score("iris", data, tmp_path / "out")


def test_nothing_is_written_by_a_check(
    lab: Lab, data: Path, cluster: Cluster, tmp_path: Path
) -> None:
    report = lab.score("iris", data, tmp_path / "out", check_only=True)
    assert [*tmp_path.iterdir()] == []
    assert report.heading == "20,000 rows would be scored by iris version 1; nothing was written."
    assert report.notes[0].startswith("80 parts of 1 file, into ")
    assert report.notes[2] == "All of a sample of 500 rows fit."
    flowers = flowers_of(600).assign(sepal_width="wide")
    refused = lab.score("iris", flowers, tmp_path / "out", check_only=True)
    assert refused.table["rows"].tolist() == [350]
    assert "'wide'" in refused.table["reason"][0]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("other", {"a.csv": "sepal_length\n1\n"}, "There is no model 'other'; published: iris"),
        ("iris", {}, "There is no file \\*.parquet or \\*.csv in the folder"),
        ("iris", {"a.txt": "x"}, "There is no file \\*.parquet or \\*.csv in the folder"),
        ("iris", {"_a.csv": "x"}, "There is no file \\*.parquet or \\*.csv in the folder"),
        ("iris", {"a.csv": "x\n1\n", "b.parquet": "x"}, "There are CSV and Parquet files: "),
        ("iris", {"a.parquet": "no parquet"}, "a.parquet cannot be read as Parquet: "),
        ("iris", {"a.csv": "x\n1\n"}, "Feature 'sepal_length' is missing"),
        ("iris", {"a.csv": "HEAD,x\n1,2,3,4,5\n", "b.csv": "HEAD\n1,2,3,4\n"},
         "b.csv has no column 'x', which .*a.csv has"),
        ("iris", {"a.csv": "HEAD\n"}, "There is not one row in .*a.csv"),
        ("iris", {"a=1/a.csv": "HEAD\n1,2,3,4\n", "b=1/b.csv": "HEAD\n1,2,3,4\n"},
         "is in folders for \\['b'\\], and .* for \\['a'\\]"),
    ],
)  # fmt: skip
def test_bad_data_is_named(
    lab: Lab, name: str, content: dict[str, str], words: str, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for file, text in content.items():
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(text.replace("HEAD", ",".join(iris().X)))
    with pytest.raises(LabloopError, match=words):
        lab.score(name, folder, tmp_path / "out", version=1)
    assert not (tmp_path / "out").exists()


def test_types_of_files_agree(lab: Lab, tmp_path: Path) -> None:
    for number, kind in enumerate(["float64", "int32", "str"]):
        flowers = flowers_of(3).astype(int)
        typed = flowers.astype({"sepal_width": kind})
        to_parquet(typed, tmp_path / f"{number}.parquet")
    with pytest.raises(ScoringError, match=r"'sepal_width' is VARCHAR in .*2.parquet and D"):
        lab.score("iris", tmp_path / "*.parquet", tmp_path / "out")
    lab.score("iris", [tmp_path / "0.parquet", tmp_path / "1.parquet"], tmp_path / "out")
    assert len(scored(tmp_path / "out")) == 6


def test_a_place_keeps_its_scores(lab: Lab, tmp_path: Path) -> None:
    flowers, out = flowers_of(20), tmp_path / "out"
    lab.score("iris", flowers, out)
    before = written(out)
    with pytest.raises(ScoringError, match=r"has scores of iris version 1, begun .*of other data"):
        lab.score("iris", flowers.iloc[::-1], out)
    assert written(out) == before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    with pytest.raises(ScoringError, match=r"has other files \(mine.txt\)"):
        lab.score("iris", flowers, tmp_path / "full")
    flowers.to_csv(tmp_path / "data.csv", index=False)
    with pytest.raises(ScoringError, match="where the data set is, too"):
        lab.score("iris", tmp_path / "data.csv", tmp_path)
    with pytest.raises(ScoringError, match=r"is a file. Give a folder"):
        lab.score("iris", flowers, tmp_path / "data.csv")


def test_changed_files_are_refused(lab: Lab, tmp_path: Path) -> None:
    file, store = tmp_path / "data.csv", ModelStore(lab.settings.models_dir)
    flowers_of(40).to_csv(file, index=False)
    plan = make_plan(store, "iris", 1, file)
    flowers_of(30).to_csv(file, index=False)
    with pytest.raises(ScoringError, match="rows where 40 were planned: it was changed meanwhile"):
        scoring.run(lab.settings, plan, place_at(tmp_path / "out"))


def test_rows_in_lists_are_no_paths(lab: Lab, tmp_path: Path) -> None:
    texts, y = ["good film", "bad film", "good.csv", "bad"] * 10, [1, 0, 1, 0] * 10
    words = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, y)
    rows = [{"size": 1.0, "colour": "red"}, {"size": 2.0}, {"colour": "blue"}, {}] * 10
    dicts = make_pipeline(DictVectorizer(), LogisticRegression()).fit(rows, y)
    store = ModelStore(lab.settings.models_dir)
    for name, estimator, X in (("words", words, texts), ("dicts", dicts, rows)):
        version = Publication(name, estimator, X, y).write(store)
        lab.score(name, X, tmp_path / name, version=version)
        found = scored(tmp_path / name)
        assert np.array_equal(found[["proba_0", "proba_1"]], estimator.predict_proba(X)), name
    for path in ("no.csv", Path("no.csv"), ["no.csv"], ""):
        with pytest.raises(ScoringError, match=r"no file or folder 'no\.csv' here|path is empty"):
            lab.score("words", path, tmp_path / "out", version=1)
