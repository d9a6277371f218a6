"""Every setting, read from the environment and from `.env` in one place."""

import re
from datetime import timedelta
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from service.contract import object_url
from service.contract.errors import SettingError
from service.contract.setting_sources import EnvFileSource, EnvironmentSource, FolderSource

CHECKOUT = Path(__file__).resolve().parents[2]
UNITS = {"d": 86_400, "h": 3600, "min": 60, "s": 1}  # in seconds
LOOPBACK = frozenset({"127.0.0.1", "::1"})
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # to listen on; nobody is to be called so
SERVICE = re.compile(r"([^.]+)\.([^.]+)\.svc(\..+)?")  # its long name


class Settings(BaseSettings):
    """What the environment says; a variable is the field's name in capitals.

    What it does not say, a file in the folder `SETTINGS_DIR` may, and then `.env` in the checkout,
    as with Compose. Relative folders are taken from the checkout, so that a notebook and a server
    that run in different folders mean the same place.

    Examples
    --------
    >>> Settings(api_url="http://127.0.0.1:8001/").api_url
    'http://127.0.0.1:8001'
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True)

    models_dir: Path = Field(Path("data/models"), description="where model versions are kept")
    store_url: str = Field(
        "", description="an object store that has the model versions, e.g. `s3://bucket/models`"
    )
    logs_dir: Path = Field(Path("logs"), description="where the prediction log is kept")
    archive_url: str = Field(
        "", description="an object store for what is sealed of the log, e.g. `s3://bucket/logs`"
    )
    api_url: str = Field("", description="where notebooks find the API; here, if empty")
    default_model: str = Field("iris", description="the model that `GET /predict` asks")
    log_sync: Literal["interval", "always", "off"] = Field(
        "interval", description="when log lines are synced to disk"
    )
    log_segment_bytes: int = Field(
        64_000_000,
        ge=1,
        le=500_000_000,
        description="the size at which a file of the log is full",
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
    dask_scheduler_address: str = Field(
        "", description="a cluster's scheduler, e.g. `tcp://scheduler:8786`; empty uses own cores"
    )
    dashboard_port: int = Field(
        8787, ge=0, le=65535, description="the port of a cluster's dashboard; 0 takes any"
    )
    cluster_tls_dir: Path | None = Field(
        None, description="a folder with a cluster's certificates; see [scale.md](scale.md)"
    )
    api_port: int = Field(8000, ge=1, le=65535, description="the API's port on 127.0.0.1")
    bind_address: str = Field(
        "127.0.0.1", description="the address under which the API and JupyterLab are reached"
    )
    api_workers: int = Field(1, ge=1, le=64, description="processes that answer")
    lab_port: int = Field(8888, ge=1, le=65535, description="JupyterLab's port on 127.0.0.1")
    max_body_bytes: int = Field(
        4_000_000, ge=1000, description="the largest request body that the API reads"
    )
    max_rows: int = Field(20_000, ge=1, description="the most rows that one request may hold")
    max_connections: int = Field(
        500, ge=1, description="connections that a worker keeps open at once"
    )
    max_waiting: int = Field(
        256, ge=1, description="requests that a worker has taken in and not answered yet"
    )
    request_seconds: float = Field(
        10, gt=0, description="how long a request may take to arrive completely"
    )
    drain_seconds: float = Field(
        0, ge=0, description="how long a stopping API still takes requests, while it is not ready"
    )
    api_token: SecretStr = Field(
        SecretStr(""), description="the token that requests must carry; empty asks for none"
    )
    allowed_hosts: str = Field(
        "localhost,127.0.0.1,::1", description="names under which both servers may be called"
    )
    allowed_origins: str = Field(
        "", description="sites whose pages may call the API, e.g. `https://lab.example.org`"
    )
    metrics_from: str = Field(
        "", description="networks whose clients may read `/metrics` as they are, e.g. `10.0.0.0/8`"
    )
    trial_seconds: float = Field(
        60, gt=0, description="how long a new version may take to load and answer its golden rows"
    )
    answer_seconds: float = Field(
        60, ge=2, description="how long one prediction may take before its process is replaced"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Name what goes before what."""
        return (
            init_settings,
            EnvironmentSource(settings_cls),
            FolderSource(settings_cls),
            EnvFileSource(settings_cls, CHECKOUT / ".env"),
        )

    @model_validator(mode="before")
    @classmethod
    def _find_api(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Without `API_URL` the API is the one that is started here."""
        if not given.get("api_url"):
            host = reachable(given.get("bind_address") or "127.0.0.1")
            given["api_url"] = f"http://{host}:{given.get('api_port') or 8000}"
        return given

    @field_validator("log_max_age", mode="before")
    @classmethod
    def _is_a_time(cls, age: Any) -> Any:
        if not isinstance(age, str):
            return age
        return duration(age)

    @field_validator("models_dir", "logs_dir", "log_copy_dir", "cluster_tls_dir")
    @classmethod
    def _from_checkout(cls, folder: Path | None) -> Path | None:
        return None if folder is None else CHECKOUT / folder

    @field_validator("api_url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")) or not urlsplit(url).hostname:
            raise ValueError("it must start with http:// or https:// and the name of a host")
        return url.rstrip("/")

    @field_validator("metrics_from")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        networks(text)
        return text

    @field_validator("store_url", "archive_url")
    @classmethod
    def _is_object_url(cls, url: str) -> str:
        if url:
            object_url.split(url)
        return url.rstrip("/")

    @property
    def hosts(self) -> frozenset[str]:
        """The names and addresses under which the API may be called.

        Its addresses on this machine and `BIND_ADDRESS` are always among them: these no page from
        elsewhere can have. So is what `API_URL` calls it, e.g. its name among the containers. The
        long name of a Kubernetes Service stands for its short ones, too.

        Examples
        --------
        >>> sorted(Settings(allowed_hosts="lab.example.org", bind_address="192.168.1.5").hosts)
        ['127.0.0.1', '192.168.1.5', '::1', 'lab.example.org']
        """
        called = listed(f"{self.bind_address},{urlsplit(self.api_url).hostname}")
        names = listed(self.allowed_hosts) | (called - EVERYWHERE)
        return LOOPBACK.union(*map(names_of, names))


def reachable(address: str) -> str:
    """Return the host of a URL that leads to what listens on an address.

    Examples
    --------
    >>> reachable("0.0.0.0"), reachable("192.168.1.5"), reachable("::1")
    ('127.0.0.1', '192.168.1.5', '[::1]')
    """
    if address in EVERYWHERE:
        return "127.0.0.1"
    return f"[{address}]" if ":" in address else address


def listed(text: str) -> frozenset[str]:
    """Read a list with commas.

    Examples
    --------
    >>> sorted(listed("api, LocalHost"))
    ['api', 'localhost']
    """
    return frozenset(part.strip().lower() for part in text.split(",") if part.strip())


def names_of(host: str) -> set[str]:
    """Return the names that a host has in its Kubernetes cluster; elsewhere it has one.

    Examples
    --------
    >>> sorted(names_of("api.labloop.svc.cluster.local"))
    ['api', 'api.labloop', 'api.labloop.svc', 'api.labloop.svc.cluster.local']
    """
    match = SERVICE.fullmatch(host)
    if match is None:
        return {host}
    service, namespace, _ = match.groups()
    return {host, f"{service}.{namespace}.svc", f"{service}.{namespace}", service}


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read a list of networks; an address is a network of one.

    Examples
    --------
    >>> networks("10.0.0.0/8, ::1")
    (IPv4Network('10.0.0.0/8'), IPv6Network('::1/128'))
    """
    try:
        return tuple(ip_network(each) for each in sorted(listed(text)))
    except ValueError as error:
        raise ValueError(f"{error}; give networks such as '10.0.0.0/8,192.168.1.5'") from error


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
