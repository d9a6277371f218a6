"""Many nodes: each with an address and a disk of its own, one object store, and one lab."""

import re
import shutil
from collections import Counter
from pathlib import Path

import orjson
import pytest

from service.contract.log.archive import ID_FILE, STATE
from service.contract.objects.objects import Objects
from service.lab import Lab
from tests.support.live import wait_until
from tests.support.models import iris
from tests.support.nodes import HERE, Clients, Node, network
from tests.support.s3 import environment, running_s3
from tests.support.soak import times

PREDICTIONS = times(100_000, 4_000)


def publish(lab: Lab, seed: int) -> str:
    trained = iris(seed=seed)
    return str(lab.publish("iris", trained.estimator, trained.X, trained.y))


def test_nothing_is_lost_but_a_disk(tmp_path: Path) -> None:
    with network(5) as addresses, running_s3(tmp_path, HERE) as s3, environment(s3.environment):
        urls = {"STORE_URL": f"{s3.url}/models", "ARCHIVE_URL": f"{s3.url}/log"}
        more = {**urls, "DRAIN_SECONDS": "2"}
        disks = [tmp_path / name for name in ("a", "b", "c", "b", "e")]
        nodes = [
            Node(number, address, disk, more)
            for number, (address, disk) in enumerate(zip(addresses, disks, strict=True))
        ]
        first, killed, ended, heir, lost = nodes
        lab = Lab(
            api_url=first.url,
            store_url=urls["STORE_URL"],
            archive_url=urls["ARCHIVE_URL"],
            models_dir=tmp_path / "copies",
            log_copy_dir=tmp_path / "log-copy",
        )
        try:
            for node in (first, killed, ended):
                node.start()
            assert publish(lab, 1) == "iris version 1 (live in 3 replicas)"
            clients = Clients(nodes)
            with clients.asking():
                reach(clients, 1)
                killed.kill()
                heir.start()  # with the disk of the one that was killed
                ended.end()
                shutil.rmtree(ended.disk)  # never seen again, after all of it was shipped
                reach(clients, 2)
                assert "iris version 2 (live in 2 replicas" in publish(lab, 2)
                failures = len(clients.failures)
                for node in (first, heir):  # a rolling replacement
                    node.end()
                    node.start()
                    wait_until(node.is_ready, "the one that was replaced")
                reach(clients, 3)
                assert clients.failures[failures:] == []
                lost.start()
                archive = s3.below("log").objects()
                wait_until(lambda: reported(archive, lost), "its report", 60)
                lost.kill()
                shutil.rmtree(lost.disk)
                reach(clients, 4)
            with pytest.warns(UserWarning, match="are only on its disk") as told:
                logged = lab.predictions("iris")["prediction_id"].tolist()
            check(clients, logged, lost.address, str(told[0].message))
        finally:
            for node in nodes:
                if node.process is not None and node.process.poll() is None:
                    node.kill()


def reach(clients: Clients, quarter: int) -> None:
    """Wait until so much of the work is done."""
    wait_until(lambda: len(clients.answers) > quarter * PREDICTIONS / 4, "answers", 600)


def reported(archive: Objects, node: Node) -> bool:
    """Whether a node has said which segments are on its disk alone."""
    log = (node.disk / "logs" / "predictions" / ID_FILE).read_text()
    state = archive.get_if_new(f"{log}/{STATE}", "")
    return state is not None and bool(orjson.loads(state.content)["waiting"])


def check(clients: Clients, logged: list[str], lost: str, told: str) -> None:
    """Each acknowledged id is there once, except those on the disk that is gone."""
    assert [each for each, count in Counter(logged).items() if count > 1] == []
    missing = {*clients.answers} - {*logged}
    assert {clients.answers[each] for each in missing} <= {lost}
    assert missing  # its disk was thrown away while it answered
    (silent,) = re.findall("Replica .* has not answered since .* are only on its disk", told)
    assert re.search(r"Segments? \d{6}-", silent)
