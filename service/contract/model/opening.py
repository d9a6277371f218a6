"""Opening: the model store that the settings name, in a folder or in an object store."""

from pathlib import Path
from typing import TYPE_CHECKING

from service.contract.errors import SettingError
from service.contract.files import make_folder, replace_file
from service.contract.model import entries
from service.contract.model.store import ModelStore
from service.contract.settings import Settings

if TYPE_CHECKING:
    from service.contract.objects.objects import Objects

CACHE_OF = ".cache-of"  # in `MODELS_DIR`: the object store that it has copies of


def for_lab(settings: Settings) -> ModelStore:
    """Return the store that a lab publishes to.

    Raises
    ------
    SettingError
        `STORE_URL`, `MODELS_DIR` or a variable of the object store cannot be used.
    """
    if (objects := _objects(settings)) is None:
        return ModelStore(settings.models_dir)
    from service.contract.model.remote.remote_store import RemoteStore

    return RemoteStore(settings.models_dir, objects)


def for_api(settings: Settings) -> ModelStore:
    """Return the store that an API serves from; raise what `for_lab` raises."""
    if (objects := _objects(settings)) is None:
        return ModelStore(settings.models_dir)
    from service.contract.model.remote.cached_store import CachedStore

    return CachedStore(settings.models_dir, objects)


def _objects(settings: Settings) -> "Objects | None":
    """Return the objects of `STORE_URL`, and see that `MODELS_DIR` can have copies of them."""
    objects = None
    if settings.store_url:
        from service.contract.objects.objects import Objects  # most have no object store

        objects = Objects.at(settings.store_url)
    _check_folder(settings.models_dir, settings.store_url)
    return objects


def _check_folder(folder: Path, url: str) -> None:
    """Refuse to mix copies with models that are nowhere else: copies are deleted."""
    copied = _copied(folder)
    if copied == url:
        return
    if copied:
        what = f"has copies of {copied}, and STORE_URL is {url or 'empty'}"
        remedy = "Set MODELS_DIR to another folder, or delete it"
    elif models := entries.models(folder):
        what = f"has models of its own ({', '.join(models[:3])}), and with STORE_URL it has copies"
        remedy = "Set MODELS_DIR to an empty folder, or unset STORE_URL"
    else:
        try:
            make_folder(folder)
            replace_file(folder / CACHE_OF, f"{url}\n".encode(), prefix=".cache-of-")
            return
        except OSError as error:
            what = f"cannot be written ({error.strerror}), and with STORE_URL it has copies"
            remedy = "Set MODELS_DIR to a folder that can"
    raise SettingError(f"MODELS_DIR={str(folder)!r} cannot be used: it {what}. {remedy}.")


def _copied(folder: Path) -> str:
    try:
        return (folder / CACHE_OF).read_text().strip()
    except OSError:  # it is not there; or who uses the folder says what is wrong with it
        return ""
