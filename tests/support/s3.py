"""A real S3 server on a socket, with a bucket: SeaweedFS, which keeps conditions on writes."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import httpx
import pytest

from service.contract.objects.objects import Objects
from tests.support.live import PLAIN, free_ports, wait_until
from tests.support.need import outside

BUCKET = "bucket"
# Who may do everything, and who may only read.
WRITER, READER = "writer", "reader"
IDENTITIES = {
    "identities": [
        {
            "name": name,
            "credentials": [{"accessKey": name, "secretKey": f"secret-of-{name}"}],
            "actions": actions,
        }
        for name, actions in (
            (WRITER, ["Admin", "Read", "Write", "List", "Tagging"]),
            (READER, [f"Read:{BUCKET}", f"List:{BUCKET}"]),
        )
    ]
}


@dataclass(frozen=True)
class S3:
    """A server, and who asks it for what; `prefix` keeps tests apart."""

    endpoint: str
    prefix: str = ""
    bucket: str = BUCKET
    key: str = WRITER
    secret: str = f"secret-of-{WRITER}"

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs in its environment to use this server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": "us-east-1",
        }

    def below(self, prefix: str) -> "S3":
        return replace(self, prefix=prefix)

    def objects(self) -> Objects:
        with environment(self.environment):
            return Objects.at(self.url)


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Have these variables in this process's environment for a while."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def running_s3(folder: Path, address: str = "127.0.0.1") -> Iterator[S3]:
    """Run a server with an empty bucket at an address of this machine."""
    weed = outside("seaweedfs", "weed")
    config = folder / "identities.json"
    config.write_text(json.dumps(IDENTITIES))
    data = folder / "data"
    data.mkdir(exist_ok=True)
    parts = ["master", "volume", "filer", "s3"]
    ports = free_ports(2 * len(parts))
    s3 = S3(f"http://{address}:{ports[6]}")
    options = [f"-{each}.port={port}" for each, port in zip(parts, ports[::2], strict=True)]
    options += [f"-{each}.port.grpc={port}" for each, port in zip(parts, ports[1::2], strict=True)]
    command = [
        str(weed), "-logtostderr", "server", f"-dir={data}", f"-ip={address}",
        f"-ip.bind={address}", "-filer", "-s3", f"-s3.config={config}", "-s3.iam=false",
        "-s3.autoCreateBucket=false",
        "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false",
        "-master.volumeSizeLimitMB=64", *options,
    ]  # fmt: skip
    with (folder / "s3.txt").open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: _makes_bucket(s3, weed, address, ports), "the S3 server")
        yield s3
    finally:
        process.kill()  # to end in order, it takes ten seconds
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with running_s3(tmp_path_factory.mktemp("s3")) as s3:
        yield s3


@pytest.fixture
def s3(s3_server: S3, request: pytest.FixtureRequest) -> S3:
    """A place in the bucket of its own."""
    return s3_server.below(f"{request.node.name.partition('[')[0]}-{next(_places)}")


_places = count(1)


def _makes_bucket(s3: S3, weed: Path, address: str, ports: list[int]) -> bool:
    """Whether the server answers, and has its bucket now."""
    try:
        httpx.get(s3.endpoint, **PLAIN)
    except httpx.TransportError:
        return False
    places = [f"-master={address}:{ports[0]}.{ports[1]}", f"-filer={address}:{ports[4]}.{ports[5]}"]
    asked = f"s3.bucket.create -name {BUCKET}\n"
    done = subprocess.run([weed, "shell", *places], input=asked, capture_output=True, text=True)
    return done.returncode == 0 and "create" in done.stdout
