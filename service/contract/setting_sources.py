"""Setting sources: the environment, the files in `SETTINGS_DIR`, and `.env`."""

import os
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from pydantic_settings import BaseSettings, EnvSettingsSource

from service.contract import env_file
from service.contract.errors import SettingError

# What Kubernetes sets as API_PORT in every pod beside a Service that is called `api`.
SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://\S+:\d+")
LAB_ONLY = frozenset({"JUPYTER_TOKEN"})  # a setting of JupyterLab's, which may stand beside ours


class EnvironmentSource(EnvSettingsSource):
    """The environment, without the variables by which Kubernetes tells of Services."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        values = super()._load_env_vars()
        return {name: text for name, text in values.items() if not is_service_link(name, text)}


class FolderSource(EnvSettingsSource):
    """The files in `SETTINGS_DIR`, one a setting, as Kubernetes mounts a ConfigMap or a Secret."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        folder = os.environ.get("SETTINGS_DIR")
        if not folder:
            return {}
        try:
            files = [file for file in Path(folder).iterdir() if not file.name.startswith(".")]
            values = {file.name: file.read_text("utf-8").strip() for file in files}
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(
                f"SETTINGS_DIR={folder!r} cannot be read ({error}). It is to be a folder with a "
                "text file for each setting."
            ) from error
        self._check(values, folder)
        return _not_in_environment(values)

    def _check(self, names: Iterable[str], folder: str) -> None:
        known = {name.upper() for name in self.settings_cls.model_fields}
        for name in sorted({*names} - known - LAB_ONLY):
            near = get_close_matches(name, known, n=1)
            meant = f" Is {near[0]} meant?" if near else ""
            raise SettingError(
                f"{name!r} in SETTINGS_DIR={folder!r} is no setting.{meant} docs/settings.md lists "
                "all. Take it out, and start again."
            )


class EnvFileSource(EnvSettingsSource):
    """`.env` in the checkout, as Compose reads it; no container sees the file."""

    def __init__(self, settings_cls: type[BaseSettings], file: Path) -> None:
        self._file = file
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        try:
            values = env_file.settings(self._file, os.environ)
        except ValueError as error:
            raise SettingError(str(error)) from error
        return _not_in_environment(values)


def _not_in_environment(values: Mapping[str, str]) -> dict[str, str | None]:
    """Leave out what the environment sets, even if to nothing, which means the default."""
    above = {name for name, text in os.environ.items() if not is_service_link(name, text)}
    return {name.lower(): text for name, text in values.items() if text and name not in above}


def is_service_link(name: str, text: str | None) -> bool:
    """Whether a variable is not a setting, but set by Kubernetes for a Service of its name.

    Examples
    --------
    >>> is_service_link("API_PORT", "tcp://10.96.0.12:8000"), is_service_link("API_PORT", "8000")
    (True, False)
    """
    return name.lower().endswith("_port") and SERVICE_LINK.fullmatch(text or "") is not None
