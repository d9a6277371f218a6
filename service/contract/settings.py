"""Every setting, read from the environment in one place."""

import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.contract.errors import SettingError

CHECKOUT = Path(__file__).resolve().parents[2]
UNITS = {"d": 86_400, "h": 3600, "min": 60, "s": 1}  # in seconds


class Settings(BaseSettings):
    """What the environment says; a variable is the field's name in capitals.

    Relative folders are taken from the checkout, so that a notebook and a
    server that run in different folders mean the same place.

    Examples
    --------
    >>> Settings(api_url="http://127.0.0.1:8001/").api_url
    'http://127.0.0.1:8001'
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True)

    models_dir: Path = Field(Path("data/models"), description="where model versions are kept")
    logs_dir: Path = Field(Path("logs"), description="where the prediction log is kept")
    api_url: str = Field("http://127.0.0.1:8000", description="where notebooks find the API")
    default_model: str = Field("iris", description="the model that `GET /predict` asks")
    log_sync: Literal["interval", "always", "off"] = Field(
        "interval", description="when log lines are synced to disk"
    )
    log_segment_bytes: int = Field(
        64_000_000, ge=1, description="the size at which a file of the log is full"
    )
    log_segment_seconds: float = Field(
        3600, gt=0, description="the age at which a file of the log is full"
    )
    log_max_bytes: int = Field(
        10_000_000_000, ge=1, description="the size beyond which the oldest part of the log goes"
    )
    log_max_age: timedelta | None = Field(
        None, description="the age beyond which a part of the log goes"
    )
    log_copy_dir: Path = Field(
        Path("data/log-copy"), description="where notebooks keep a columnar copy of the log"
    )
    api_port: int = Field(8000, ge=1, le=65535, description="the API's port on 127.0.0.1")
    api_host: str = Field("127.0.0.1", description="the address that the API listens on")
    api_workers: int = Field(1, ge=1, le=64, description="processes that answer")
    lab_port: int = Field(8888, ge=1, le=65535, description="JupyterLab's port on 127.0.0.1")
    max_body_bytes: int = Field(
        4_000_000, ge=1000, description="the largest request body that the API reads"
    )
    max_rows: int = Field(20_000, ge=1, description="the most rows that one request may hold")
    max_depth: int = Field(32, ge=4, description="how deeply a body's JSON may be nested")
    max_url_bytes: int = Field(64_000, ge=100, description="the longest URL that the API reads")
    max_header_bytes: int = Field(
        32_000, ge=100, description="the most bytes that a request's headers may have"
    )
    max_connections: int = Field(
        500, ge=1, description="connections that a worker keeps open at once"
    )
    max_waiting: int = Field(
        256, ge=1, description="requests that a worker has taken in and not answered yet"
    )
    request_seconds: float = Field(
        10, gt=0, description="how long a request may take to arrive completely"
    )
    idle_seconds: float = Field(
        15, gt=0, description="how long a connection may stay open without a request"
    )
    drain_seconds: float = Field(
        0, ge=0, description="how long a stopping API still takes requests, while it is not ready"
    )
    api_token: SecretStr = Field(
        SecretStr(""), description="the token that requests must carry; empty asks for none"
    )
    allowed_hosts: str = Field(
        "localhost,127.0.0.1,::1", description="the names under which the API may be called"
    )
    allowed_origins: str = Field(
        "", description="sites whose pages may call the API, e.g. `https://lab.example.org`"
    )
    trial_seconds: float = Field(
        60, gt=0, description="how long a new version may take to load and answer its golden rows"
    )
    answer_seconds: float = Field(
        60, ge=1, description="how long one prediction may take before its process is replaced"
    )
    labloop_image: str = Field("local", description="the image this runs in; set by the image")
    git_revision: str = Field("", description="the checkout's commit; `make up` sets it")
    code_digest: str = Field(
        "", description="a digest of the code in that commit; `make up` sets it"
    )

    @field_validator("log_max_age", mode="before")
    @classmethod
    def _is_a_time(cls, age: Any) -> Any:
        if not isinstance(age, str):
            return age
        return duration(age)

    @field_validator("models_dir", "logs_dir", "log_copy_dir")
    @classmethod
    def _from_checkout(cls, folder: Path) -> Path:
        return CHECKOUT / folder

    @field_validator("api_url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("it must start with http:// or https://")
        return url.rstrip("/")


def listed(text: str) -> frozenset[str]:
    """Read a list with commas.

    Examples
    --------
    >>> sorted(listed("api, LocalHost"))
    ['api', 'localhost']
    """
    return frozenset(part.strip().lower() for part in text.split(",") if part.strip())


def duration(text: str) -> timedelta:
    """Read how long something lasts.

    Examples
    --------
    >>> duration("30d")
    datetime.timedelta(days=30)
    >>> duration("15min")
    datetime.timedelta(seconds=900)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?(d|h|min|s)", text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no length of time: give '30d', '12h', '15min' or '90s'")
    return timedelta(seconds=float(match[1]) * UNITS[match[2]])


@cache
def settings() -> Settings:
    """Read the settings once.

    Raises
    ------
    SettingError
        A variable holds what cannot be used; the text names it.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper()
        raise SettingError(
            f"{name}={first['input']!r} cannot be used: {first['msg']}. "
            f"Change or unset {name} and start again."
        ) from error
