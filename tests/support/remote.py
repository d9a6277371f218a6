"""Stores of models in a real object store, as labs in processes of their own have them."""

import multiprocessing
from pathlib import Path
from typing import Any

from service.contract.model.remote.remote_store import RemoteStore
from tests.support.models import write_files
from tests.support.s3 import S3

# Not a fork of this process: the threads of the client library would not be there.
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["tests.support.remote"])


def remote_store(s3: S3, copies: Path) -> RemoteStore:
    return RemoteStore(copies, s3.objects())


def publish(s3: S3, copies: Path, count: int, live: bool = True) -> None:
    store = remote_store(s3, copies)
    for _ in range(count):
        version = store.add("m", write_files)
        if live:
            store.promote("m", version)


def started(work: Any, *arguments: Any) -> Any:
    process = context.Process(target=work, args=arguments)
    process.start()
    return process
