"""Replicas with disks of their own, one archive, one lab: what was acknowledged is read once."""

import json
import re
import shutil
import signal
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from service.contract.errors import LogElsewhereError
from service.contract.log.segment import FOLDER, all_segments, stem
from service.lab import Lab
from service.lab.log.archive import archive as archive_module
from tests.api.log.clients import Clients
from tests.support.archive import archived_log, is_shipped, reports
from tests.support.live import LiveApi, running_api, wait_until
from tests.support.models import FLOWER, publish_iris
from tests.support.s3 import S3
from tests.support.soak import times


def replica(folder: Path, s3: S3, **settings: str) -> AbstractContextManager[LiveApi]:
    """Run an API with a disk of its own, and the store that all share."""
    return running_api(
        folder,
        MODELS_DIR=str(folder.parent / "models"),
        ARCHIVE_URL=s3.url,
        **s3.environment,
        **settings,
    )


@contextmanager
def replicas(folder: Path, s3: S3, names: str) -> Iterator[list[LiveApi]]:
    publish_iris(folder / "models")
    with ExitStack() as held, ThreadPoolExecutor() as pool:
        starting = [replica(folder / name, s3) for name in names]
        started = [*pool.map(lambda each: each.__enter__(), starting)]
        for each in starting:
            held.push(each)
        yield started


def lab_of(api: LiveApi, s3: S3) -> Lab:
    return Lab(
        api_url=api.url,
        archive_url=s3.url,
        models_dir=api.models.parent.parent / "models",
        log_copy_dir=api.models.parent.parent / "copy",
        logs_dir=api.models.parent.parent / "none",
    )


@pytest.fixture(autouse=True)
def known_store(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in s3.environment.items():
        monkeypatch.setenv(name, text)


def read(lab: Lab) -> tuple[pd.DataFrame, list[str]]:
    """Read the archive, and list what is warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = lab.predictions("iris")
    assert table["prediction_id"].is_unique
    return table, [str(each.message) for each in caught]


def kill(api: LiveApi) -> None:
    """Kill an API and what it started; there is no time for a word."""
    api.process.kill()
    api.process.wait()
    wait_until(lambda: not api.workers, "its workers to end")


def is_told(api: LiveApi, s3: S3) -> bool:
    """Whether the archive has the names of all segments on a disk."""
    names = {*map(stem, all_segments(api.logs / FOLDER))}
    return bool(names) and any(names <= each["waiting"].keys() for each in reports(s3))


def ids_in(segments: list[Path]) -> set[str]:
    lines = [json.loads(text) for each in segments for text in each.read_bytes().splitlines()]
    return {each for line in lines for each in line.get("ids", [])}


def test_acknowledged_ids_are_read_once(
    tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    enough = times(33_000, 300)
    with replicas(tmp_path, s3, "abc") as apis, ExitStack() as asking:
        one, two, three = apis
        lab = lab_of(two, s3)
        clients = [asking.enter_context(Clients(api.url, 3)) for api in apis]
        for each in clients:
            each.wait_for_more(enough)
        # While they ask: all that was acknowledged before is there.
        before = [i for each in clients for i in each.ids]
        table, warned = read(lab)
        assert {*before} <= {*table["prediction_id"]}
        assert warned == []

        # Feedback comes to another replica than the prediction.
        assert lab.feedback(clients[0].ids[:20], [0] * 20) == 20

        # One is killed, and another API gets its disk. One is killed, and its disk is gone.
        wait_until(lambda: is_told(three, s3), "the report of its open segment")
        for api in (one, three):
            kill(api)
        with replica(tmp_path / "a", s3) as follower:
            clients[0].url = follower.url
            clients[0].wait_for_more()
            asking.close()
            lost = tmp_path / "lost"
            shutil.move(tmp_path / "c", lost)
            monkeypatch.setattr(archive_module, "ANSWER_SECONDS", 4)
            table, warned = read(lab)
            disk = all_segments(lost / "logs" / FOLDER)
            acknowledged = {i for each in clients for i in each.ids}
            missing = acknowledged - {*table["prediction_id"]}
            assert missing <= ids_in(disk)
            assert not {*table["prediction_id"]} & ids_in(disk)
            (said,) = warned
            named = re.findall(r"\d{6}-[0-9a-f]{8}-\d{9}", said)
            assert named == sorted(map(stem, disk))
            assert "has not answered since" in said
            told = table.dropna(subset="truth")
            assert sorted(told["prediction_id"]) == sorted(clients[0].ids[:20])
            monkeypatch.setattr(archive_module, "GONE", timedelta(0))  # nobody is waited for
            assert said in str(lab.doctor())
            two.process.send_signal(signal.SIGTERM)
            two.process.wait(30)
            assert is_shipped(two.logs)
            follower.process.send_signal(signal.SIGTERM)
            follower.process.wait(30)
    assert [each["ended"] for each in reports(s3)].count(False) == 1
    # Whoever finds the lost disk again.
    with archived_log(lost / "logs", s3):
        wait_until(lambda: is_shipped(lost / "logs"), "the rest to be archived")
    table, warned = read(lab)
    assert acknowledged <= {*table["prediction_id"]}
    assert warned == []


def test_where_the_log_is_archived(tmp_path: Path, s3: S3) -> None:
    with replicas(tmp_path, s3, "a") as (api,), api.http() as http:
        lab = lab_of(api, s3)
        http.get("/predict", params=FLOWER)
        assert len(read(lab)[0]) == 1
        archive = http.get("/log").json()["archive"]
        assert archive["url"] == s3.url and archive["problem"] is None
        here = Lab(api_url=api.url, models_dir=tmp_path / "models", logs_dir=tmp_path / "none")
        with pytest.raises(LogElsewhereError, match="Set it to that") as said:
            here.predictions("iris")
        assert s3.url in str(said.value)
        there = lab.settings.model_copy(update={"archive_url": f"{s3.url}/other"})
        other = Lab(**there.model_dump())
        with pytest.warns(UserWarning, match=f"archives its log in {s3.url}; here ARCHIVE_URL is"):
            assert len(other.predictions("iris")) == 0


def test_a_rolling_replacement_reads_on(tmp_path: Path, s3: S3) -> None:
    """Workers and replicas that share a disk ship one after the other."""
    publish_iris(tmp_path / "models")
    with Clients(count=3) as clients:
        for number in range(times(20, 2)):
            with replica(tmp_path / "a", s3, API_WORKERS=str(2 - number % 2)) as api:
                clients.url = api.url
                clients.wait_for_more()
                table, warned = read(lab_of(api, s3))
                assert len(table) and warned == []
                clients.wait_for_more()
                api.process.send_signal(signal.SIGTERM)
                api.process.wait(30)
    assert is_shipped(api.logs)
    table, warned = read(lab_of(api, s3))
    assert {*clients.ids} == {*table["prediction_id"]}
    assert warned == [] and clients.refused == []
