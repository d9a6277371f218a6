import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from service.contract.errors import (
    ObjectChangedError,
    ObjectExistsError,
    ObjectMissingError,
    SettingError,
    StoreError,
)
from service.contract.objects.objects import PART_BYTES, Objects
from tests.support.live import CHECKOUT, free_ports
from tests.support.need import need
from tests.support.remote import context
from tests.support.s3 import READER, S3
from tests.support.s3_proxy import proxied

PROCESSES, KEYS = 8, 20


def test_content_comes_back(s3: S3) -> None:
    objects = s3.objects()
    objects.put("a/one", b"1")
    objects.put("a/b/two", b"22")
    objects.put("c/three", b"")
    assert objects.get("a/one").content == b"1"
    assert objects.get("c/three").content == b""
    listed = {entry.key: entry for entry in objects.list("a/")}
    assert {key: entry.size for key, entry in listed.items()} == {"a/one": 1, "a/b/two": 2}
    assert listed["a/one"].etag == objects.get("a/one").etag
    objects.delete("a/one")
    objects.delete("a/one")
    with pytest.raises(ObjectMissingError, match=f"There is no {s3.url}/a/one"):
        objects.get("a/one")


def test_lists_are_longer_than_pages(s3: S3) -> None:
    objects = s3.objects()
    for number in range(1100):
        objects.put(f"many/{number:04}", b"")
    assert [each.key for each in objects.list("many/")] == [f"many/{n:04}" for n in range(1100)]


def test_large_files_travel_in_parts(s3: S3, tmp_path: Path) -> None:
    content = os.urandom(2 * PART_BYTES + 1)
    (tmp_path / "sent").write_bytes(content)
    with proxied(s3) as (through, traffic):
        objects = through.objects()
        objects.put("large", tmp_path / "sent")
        objects.download("large", tmp_path / "received")
    assert (tmp_path / "received").read_bytes() == content
    assert sum(asked.startswith("PUT") for asked in traffic.asked) == 3
    assert sum(asked.startswith("GET") for asked in traffic.asked) == 1 + 3


def test_changed_while_downloaded(s3: S3, tmp_path: Path) -> None:
    objects = s3.objects()
    objects.put("large", bytes(2 * PART_BYTES))
    with proxied(s3) as (through, traffic):
        # After the first part: how large it is was asked before.
        traffic.after = lambda number: objects.put("large", b"other") if number == 2 else None
        with pytest.raises(ObjectChangedError, match="was changed"):
            through.objects().download("large", tmp_path / "received")


def test_condition_of_a_write(s3: S3) -> None:
    objects = s3.objects()
    first = objects.create("key", b"1")
    with pytest.raises(ObjectExistsError, match="is there already"):
        objects.create("key", b"2")
    second = objects.replace("key", b"2", first)
    with pytest.raises(ObjectChangedError, match="was changed"):
        objects.replace("key", b"3", first)
    assert objects.get("key").content == b"2"
    assert objects.get("key").etag == second
    objects.delete("key")
    with pytest.raises(ObjectChangedError):
        objects.replace("key", b"3", second)


def create_all(s3: S3, me: int, start: Barrier, wins: Path) -> None:
    objects = s3.objects()
    start.wait()
    for number in range(KEYS):
        try:
            objects.create(f"race/{number}", str(me).encode())
        except ObjectExistsError:
            continue
        (wins / f"{number}-{me}").touch()


def add_all(s3: S3, me: int, start: Barrier, wins: Path) -> None:
    objects = s3.objects()
    start.wait()
    left = KEYS
    while left:
        now = objects.get("sum")
        try:
            objects.replace("sum", str(int(now.content) + 1).encode(), now.etag)
        except ObjectChangedError:
            continue
        left -= 1


def at_once(work: Callable[..., None], s3: S3, folder: Path) -> None:
    start = context.Barrier(PROCESSES)
    processes = [
        context.Process(target=work, args=(s3, me, start, folder)) for me in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * PROCESSES


def test_one_of_many_creates(s3: S3, tmp_path: Path) -> None:
    at_once(create_all, s3, tmp_path)
    won = Counter(file.name.split("-")[0] for file in tmp_path.iterdir())
    assert won == {str(number): 1 for number in range(KEYS)}
    for file in tmp_path.iterdir():
        number, me = file.name.split("-")
        assert s3.objects().get(f"race/{number}").content.decode() == me


def test_no_replacement_is_lost(s3: S3, tmp_path: Path) -> None:
    s3.objects().create("sum", b"0")
    at_once(add_all, s3, tmp_path)
    assert int(s3.objects().get("sum").content) == PROCESSES * KEYS


def test_repeated_write_knows_its_own(s3: S3) -> None:
    with proxied(s3) as (through, traffic):
        objects = through.objects()
        traffic.breaks = lambda number: number in (1, 4)
        first = objects.create("key", b"1")
        assert [asked.split()[0] for asked in traffic.asked] == ["PUT", "PUT", "GET"]
        second = objects.replace("key", b"2", first)
        assert [asked.split()[0] for asked in traffic.asked[3:]] == ["PUT", "PUT", "GET"]
    assert s3.objects().get("key").etag == second


WRONG = {
    "no server": (
        {"endpoint": f"http://127.0.0.1:{free_ports(1)[0]}"},
        "does not answer .*refused",
    ),
    "no host": ({"endpoint": "http://no-such-host.invalid"}, r"does not answer \(no such host\)"),
    "key": ({"key": "unknown"}, r"credentials \(InvalidAccessKeyId\).*AWS_ACCESS_KEY_ID"),
    "secret": ({"secret": "other"}, r"credentials \(SignatureDoesNotMatch\)"),
    "bucket": ({"bucket": "no-such-bucket"}, r"no such bucket \(NoSuchBucket\). Create it"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_named(s3: S3, wrong: str) -> None:
    change, says = WRONG[wrong]
    other = replace(s3, **change)
    objects = other.objects()
    for ask in (lambda: objects.get("key"), lambda: [*objects.list("")]):
        with pytest.raises(StoreError, match=f"{other.url} cannot be used: .*{says}"):
            ask()
    with pytest.raises(StoreError, match=f"{other.url} cannot be used: "):
        objects.create("key", b"")


def test_rights_that_are_missing(s3: S3) -> None:
    s3.objects().put("key", b"1")
    objects = replace(s3, key=READER, secret=f"secret-of-{READER}").objects()
    now = objects.get("key")
    refused = "may not {} s3://.*/key .AccessDenied.. Allow it"
    with pytest.raises(StoreError, match=refused.format("write")):
        objects.create("key", b"2")
    with pytest.raises(StoreError, match=refused.format("write")):
        objects.replace("key", b"2", now.etag)
    with pytest.raises(StoreError, match=refused.format("delete")):
        objects.delete("key")
    assert objects.get("key").content == b"1"


def alone(s3: S3, *before: str, **variables: str) -> str:
    """Read an object in a program of its own; return what went wrong."""
    program = (
        "import sys; from service.contract.objects.objects import Objects\n"
        "Objects.at(sys.argv[1]).get('key')"
    )
    done = subprocess.run(
        [*before, sys.executable, "-c", program, s3.url],
        env=os.environ | s3.environment | {"PYTHONPATH": str(CHECKOUT)} | variables,
        capture_output=True,
        text=True,
    )
    return done.stderr.strip().rpartition("\n")[2]


def test_clock_that_is_off(s3: S3) -> None:
    need(subprocess.run(["which", "faketime"], capture_output=True).returncode == 0, "faketime")
    said = alone(s3, "faketime", "-f", "-1h")
    assert "this machine's clock is off (RequestTimeTooSkewed): here it is 20" in said


def test_no_credentials_at_all(s3: S3) -> None:
    (port,) = free_ports(1)
    without = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}  # which counts as not set
    said = alone(s3, AWS_METADATA_ENDPOINT=f"http://127.0.0.1:{port}", **without)
    assert "there are no credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY." in said


@pytest.mark.parametrize(
    "url", ["models", "s3://", "s3://Bucket/", "http://bucket", "s3://bucket/a b", "s3://bucket//a"]
)
def test_no_such_url(url: str) -> None:
    with pytest.raises(SettingError, match="cannot be used: it must be s3://bucket or s3://"):
        Objects.at(url)


def test_library_is_imported_late() -> None:
    program = "import sys, service.api.app, service.lab; print('obstore' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True)
    assert done.stdout.strip() == b"False", done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("AWS_ENDPOINT_URL", "models.example.org", "AWS_ENDPOINT_URL='models.example.org' cannot"),
        ("AWS_REGION", "here and there", "AWS_REGION='here and there' cannot be used"),
        ("AWS_CHECKSUM_ALGORITHM", "md9", 'with the AWS_. variables as they are: .*"md9"'),
    ],
)
def test_no_such_value_of_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingError, match=says):
        Objects.at("s3://bucket")
