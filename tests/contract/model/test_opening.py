import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from service.contract.errors import SettingError
from service.contract.model.opening import for_api, for_lab
from service.contract.model.remote.cached_store import CachedStore
from service.contract.model.remote.remote_store import RemoteStore
from service.contract.model.store import ModelStore
from service.contract.settings import Settings, settings
from tests.support.models import write_files

URL = "s3://bucket/labs/one"
Open = Callable[[Settings], ModelStore]


@pytest.fixture(params=[for_lab, for_api])
def opened(request: pytest.FixtureRequest) -> Open:
    return request.param  # type: ignore[no-any-return]


def test_settings_choose_the_store(tmp_path: Path) -> None:
    here = Settings(models_dir=tmp_path / "here")
    assert type(for_lab(here)) is type(for_api(here)) is ModelStore
    assert not here.models_dir.exists()
    there = Settings(models_dir=tmp_path / "copies", store_url=f"{URL}/")
    assert type(for_lab(there)) is RemoteStore
    assert type(for_api(there)) is CachedStore
    assert for_lab(there).place == for_api(there).place == URL
    assert for_lab(there).root == tmp_path / "copies"


def test_models_of_ones_own_stay(opened: Open, tmp_path: Path) -> None:
    ModelStore(tmp_path).add("m", write_files)
    with pytest.raises(
        SettingError, match=rf"MODELS_DIR='{tmp_path}'.* has models of its own \(m\)"
    ):
        opened(Settings(models_dir=tmp_path, store_url=URL))
    assert ModelStore(tmp_path).versions("m") == [1]
    assert opened(Settings(models_dir=tmp_path)).versions("m") == [1]


@pytest.mark.parametrize(
    ("other", "says"),
    [("s3://bucket/labs/two", "STORE_URL is s3://bucket/labs/two"), ("", "empty")],
)
def test_copies_belong_to_one_store(opened: Open, tmp_path: Path, other: str, says: str) -> None:
    opened(Settings(models_dir=tmp_path, store_url=URL))
    with pytest.raises(
        SettingError, match=f"it has copies of {URL}, and STORE_URL is .*{says[-5:]}"
    ):
        opened(Settings(models_dir=tmp_path, store_url=other))
    shutil.rmtree(tmp_path)
    opened(Settings(models_dir=tmp_path, store_url=other))


def test_no_folder_for_copies(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match=r"cannot be written \(.*Set MODELS_DIR to a folder"):
        opened(Settings(models_dir=tmp_path / "file" / "copies", store_url=URL))


def test_no_such_store_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_URL", "https://bucket.example.org")
    settings.cache_clear()
    with pytest.raises(SettingError, match=r"STORE_URL='https://.*it must be s3://bucket"):
        settings()
    settings.cache_clear()
