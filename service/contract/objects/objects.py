"""Objects: contents by key in an object store, written whole, on a condition if need be."""

import os
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import obstore
from obstore import exceptions
from obstore.store import MemoryStore, S3Store

from service.contract.errors import (
    ObjectChangedError,
    ObjectExistsError,
    ObjectMissingError,
    SettingError,
)
from service.contract.object_url import split
from service.contract.objects import problems

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

ENDPOINT = re.compile(r"(https?://[\w.:\[\]-]+(/\S*)?)?")
ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
VARIABLES = {  # with which the library would not say what is wrong
    **dict.fromkeys(ENDPOINTS, ENDPOINT),
    "AWS_REGION": re.compile(r"[\w-]*"),
}
PART_BYTES = 5 * 1024 * 1024  # of a large object that travel in one request; S3 takes no smaller
PARTS_AT_ONCE = 2
WRITER = "writer"  # metadata of an object: who wrote it, so that a repeated write knows its own

# One request, tries and all, ends within about half a minute, so that nothing ever hangs; most
# failures take less than ten seconds. A part arrives in time from 3 Mbit/s on.
CLIENT: "ClientConfig" = {"connect_timeout": timedelta(seconds=3), "timeout": timedelta(seconds=30)}
RETRY: "RetryConfig" = {
    "max_retries": 3,
    "retry_timeout": timedelta(seconds=5),
    "backoff": {
        "init_backoff": timedelta(milliseconds=50),
        "max_backoff": timedelta(seconds=1),
        "base": 2,
    },
}

Result = TypeVar("Result")


@dataclass(frozen=True)
class Stored:
    """An object's content, and the ETag that stands for it."""

    content: bytes
    etag: str


@dataclass(frozen=True)
class Entry:
    """An object in a list."""

    key: str
    size: int
    etag: str
    modified: datetime


class Objects:
    """The objects below a URL such as ``s3://bucket/prefix``.

    Others see an object's old content or its new one, and never a part. Each method raises a
    `StoreError` if the store cannot be reached, or says no; no method waits without bound.

    Parameters
    ----------
    url : str
        What errors call it.
    store : S3Store or MemoryStore
        By obstore; usually made by `Objects.at`.

    Examples
    --------
    >>> objects = Objects("memory:", MemoryStore())
    >>> etag = objects.create("greetings/hello", b"Hello")
    >>> objects.get("greetings/hello").content
    b'Hello'
    >>> objects.create("greetings/hello", b"Hi")
    Traceback (most recent call last):
        ...
    service.contract.errors.ObjectExistsError: memory:/greetings/hello is there already.
    """

    def __init__(self, url: str, store: S3Store | MemoryStore) -> None:
        self.url = url.rstrip("/")
        self._store = store

    @classmethod
    def at(cls, url: str) -> "Objects":
        """Return the objects at a URL; nothing is asked of the store yet.

        Credentials, region and endpoint come from the variables that all programs for S3 know:
        ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_ENDPOINT_URL``, ….

        Raises
        ------
        SettingError
            It is no such URL, or one of those variables cannot be used.
        """
        try:
            bucket, prefix = split(url)
        except ValueError as error:
            raise SettingError(f"{url!r} cannot be used: {error}.") from error
        # The library takes an empty variable at its word; here it counts as not set, as elsewhere.
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            if not os.environ[name]:
                del os.environ[name]
        for name, form in VARIABLES.items():
            if not form.fullmatch(os.environ.get(name, "")):
                raise SettingError(
                    f"{name}={os.environ[name]!r} cannot be used. Correct or unset it."
                )
        try:
            store = S3Store(
                bucket,
                prefix=prefix or None,
                client_options=client_options(),
                retry_config=RETRY,
            )
        except exceptions.BaseError as error:
            raise SettingError(
                f"{url} cannot be used with the AWS_* variables as they are: "
                f"{problems.first_line(error)}"
            ) from error
        return cls(url, store)

    def get(self, key: str) -> Stored:
        """Return an object's content and ETag.

        Raises
        ------
        ObjectMissingError
            There is no such object.
        """

        def get() -> Stored:
            found = obstore.get(self._store, key)
            return Stored(bytes(found.bytes()), found.meta["e_tag"] or "")

        return self._ask("read", key, get)

    def get_if_new(self, key: str, etag: str) -> Stored | None:
        """Poll an object; None if it still has this ETag, or is not there."""

        def get() -> Stored | None:
            options: Any = {"if_none_match": etag} if etag else {}
            try:
                found = obstore.get(self._store, key, options=options)
            except exceptions.NotModifiedError:
                return None
            return Stored(bytes(found.bytes()), found.meta["e_tag"] or "")

        try:
            return self._ask("read", key, get)
        except ObjectMissingError:
            return None

    def head(self, key: str) -> Entry:
        """Return what a list would say of an object; it must be there."""
        return _entry(self._ask("read", key, lambda: obstore.head(self._store, key)))

    def download(self, key: str, file: Path) -> None:
        """Write an object's content to a file; see `parts`."""
        with file.open("wb") as opened:
            for part in self.parts(key):
                opened.write(part)

    def parts(self, key: str) -> Iterator[bytes]:
        """Read an object's content, a large one in parts; all are of one object.

        Raises
        ------
        ObjectMissingError
            There is no such object.
        ObjectChangedError
            It was replaced meanwhile.
        """
        found = self._ask("read", key, lambda: obstore.get(self._store, key))
        size, etag = found.meta["size"], found.meta["e_tag"]
        if size <= PART_BYTES:
            yield bytes(self._ask("read", key, found.bytes))
            return
        for start in range(0, size, PART_BYTES):
            part = start, min(start + PART_BYTES, size)
            yield self._ask("read", key, partial(self._part, key, etag, part))

    def _part(self, key: str, etag: str | None, part: tuple[int, int]) -> bytes:
        options: Any = {"range": part, "if_match": etag}
        return bytes(obstore.get(self._store, key, options=options).bytes())

    def put(self, key: str, content: bytes | Path) -> None:
        """Write an object, whether or not it is there; a large file travels in parts."""
        self._ask(
            "write",
            key,
            lambda: obstore.put(
                self._store, key, content, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE
            ),
        )

    def create(self, key: str, content: bytes) -> str:
        """Write an object that is not there, and return its ETag; of several writers one succeeds.

        Raises
        ------
        ObjectExistsError
            It is there already.
        """
        return self._put_if(key, content, "create")

    def replace(self, key: str, content: bytes, etag: str) -> str:
        """Replace an object if it still has this ETag, and return the new one.

        Raises
        ------
        ObjectChangedError
            It has another by now, or is gone.
        """
        return self._put_if(key, content, {"e_tag": etag})

    def _put_if(self, key: str, content: bytes, mode: Any) -> str:
        """Write on a condition.

        The answer to a write may get lost. Repeated by the library, it then meets itself; so each
        write has a mark of its own.
        """
        mark = uuid.uuid4().hex
        attributes: Any = {WRITER: mark}

        def put() -> str:
            done = obstore.put(self._store, key, content, mode=mode, attributes=attributes)
            return done["e_tag"] or ""

        try:
            return self._ask("write", key, put)
        except (ObjectExistsError, ObjectChangedError):
            try:
                there = self._ask("read", key, lambda: obstore.get(self._store, key))
            except ObjectMissingError:  # deleted just now
                there = None
            if there is not None and there.attributes.get(WRITER) == mark:
                return there.meta["e_tag"] or ""
            raise

    def list(self, prefix: str) -> Iterator[Entry]:
        """List the objects below a folder of keys, such as ``versions/iris/``.

        One request gives up to a thousand of them.
        """
        stream = self._ask("list", prefix, lambda: obstore.list(self._store, prefix))
        while (some := self._ask("list", prefix, lambda: next(stream, None))) is not None:
            for each in some:
                yield _entry(each)

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is deleted already."""
        try:
            self._ask("delete", key, lambda: obstore.delete(self._store, key))
        except ObjectMissingError:
            return

    def _ask(self, verb: str, key: str, request: Callable[[], Result]) -> Result:
        place = f"{self.url}/{key}"
        try:
            return request()
        except exceptions.AlreadyExistsError as error:
            raise ObjectExistsError(f"{place} is there already.") from error
        except exceptions.PreconditionError as error:
            raise ObjectChangedError(f"{place} was changed by another at this moment.") from error
        except FileNotFoundError as error:
            if problems.code_of(error) != "NoSuchBucket":
                raise ObjectMissingError(f"There is no {place}.") from error
            raise problems.explained(self.url, verb, place, error) from error
        except exceptions.BaseError as error:
            raise problems.explained(self.url, verb, place, error) from error


def client_options() -> "ClientConfig":
    """Return how a store is asked; without TLS, if its endpoint has none."""
    is_plain = any(os.environ.get(each, "").startswith("http://") for each in ENDPOINTS)
    return {**CLIENT, "allow_http": is_plain}


def _entry(meta: Any) -> Entry:
    return Entry(meta["path"], meta["size"], meta["e_tag"] or "", meta["last_modified"])
