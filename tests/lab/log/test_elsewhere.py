"""The workers of a cluster copy the log, one segment each, to the same tables."""

from pathlib import Path
from shutil import rmtree

import pytest

from service.lab import Lab
from service.lab.cluster.cluster import Cluster
from service.lab.log.segment import elsewhere
from tests.support.log_lines import copy_of, line, quietly, read, segments, sql, written

GROUPED = """SELECT model, version, count(*) AS n, min(time) AS first, writer FROM predictions
    GROUP BY ALL ORDER BY ALL"""


def test_a_cluster_copies_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(elsewhere.MANY):
        written(tmp_path, line(rows=3), line(model=f"m{number % 2}"), line(model="other"))
    here, grouped = read(tmp_path), sql(tmp_path, GROUPED)
    rmtree(copy_of(tmp_path).home)
    monkeypatch.setattr("service.lab.log.segment.sealed.SegmentCopy", None)  # not in this process
    with Lab(dask_scheduler_address="").cluster(workers=2) as cluster:
        assert isinstance(cluster, Cluster)
        there = read(tmp_path)
    assert there.equals(here)
    assert sql(tmp_path, GROUPED).equals(grouped)
    assert {file.stem for file in copy_of(tmp_path).home.glob(".staging-*")} == set()


def test_damage_is_told_from_elsewhere(tmp_path: Path) -> None:
    for _ in range(elsewhere.MANY):
        written(tmp_path, line(), line())
    last = segments(tmp_path)[-1]
    content = last.read_bytes()
    last.write_bytes(content.replace(b'"iris"', b'"iros"', 1))
    with pytest.warns(UserWarning) as here:
        read(tmp_path)
    rmtree(copy_of(tmp_path).home)
    with Lab(dask_scheduler_address="").cluster(workers=1), pytest.warns(UserWarning) as there:
        read(tmp_path)
    assert [str(each.message) for each in there] == [str(each.message) for each in here]
    assert len(quietly(tmp_path)) == 2 * elsewhere.MANY - 1
