"""Reading another log than the API's is refused, or warns."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.contract.errors import LogElsewhereError
from service.contract.log.segment import FOLDER
from service.lab import Lab
from tests.support.live import LiveApi, running_api
from tests.support.models import FLOWER, publish_iris

IMAGE = "labloop-api:9.9.9"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    """Start an API that calls itself one in a container."""
    folder = tmp_path_factory.mktemp("place")
    publish_iris(folder / "models")
    with running_api(folder, LABLOOP_IMAGE=IMAGE) as api:
        yield api


def beside(api: LiveApi, folder: Path) -> Lab:
    """Return a lab that has the API's store, and a log of its own."""
    return Lab(
        api_url=api.url, models_dir=api.models, logs_dir=folder, log_copy_dir=folder / "copy"
    )


def test_an_empty_log_is_refused(api: LiveApi, tmp_path: Path) -> None:
    lab = beside(api, tmp_path)
    assert len(lab.predictions("iris")) == 0  # as nothing was logged anywhere

    lab.predict("iris", FLOWER)
    told = rf"logs to {api.logs} in a container of {IMAGE}; {tmp_path} .*Run this in JupyterLab"
    for ask in (lab.predictions, lab.drift, lab.quality):
        with pytest.raises(LogElsewhereError, match=told):
            ask("iris")
    with pytest.raises(LogElsewhereError, match=told):
        lab.replay("iris", 1)
    with pytest.raises(LogElsewhereError, match=told):
        lab.sql("SELECT * FROM predictions")
    (tmp_path / "own.csv").write_text("a\n1\n")
    assert lab.sql(f"SELECT a FROM '{tmp_path}/own.csv'")["a"].tolist() == [1]  # is no log
    assert f"docker compose cp api:{api.logs}/. logs/copy" in str(lab.doctor())
    assert len(api.lab().predictions("iris")) == 1


def test_another_log_warns(api: LiveApi, tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "000001-0badc0de-000000000.open.jsonl").touch()
    lab = beside(api, tmp_path)
    lab.predict("iris", FLOWER)
    with pytest.warns(UserWarning, match="does not have that log's last segment") as told:
        assert len(lab.predictions("iris")) == 0
    assert told[0].filename == __file__


def test_a_copied_log_is_read(api: LiveApi, tmp_path: Path) -> None:
    lab = api.lab()
    lab.predict("iris", FLOWER)
    shutil.copytree(api.logs, tmp_path / "logs")
    copied = beside(api, tmp_path / "logs").predictions("iris")
    assert len(copied) == len(lab.predictions("iris"))
