"""File system: object stores as other libraries open files in them (fsspec)."""

import os
from functools import lru_cache

from obstore.fsspec import FsspecStore

from service.contract.objects.objects import RETRY, client_options


def file_system() -> FsspecStore:
    """Return what opens ``s3://bucket/key``, as the environment says now who asks which store."""
    return _made(tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_"))))


class S3(FsspecStore):
    """The file system of ``s3://``; as a class, so that it knows its URLs in patterns, too."""

    protocol = "s3"


@lru_cache(1)
def _made(_: tuple[tuple[str, str], ...]) -> FsspecStore:
    return S3("s3", client_options=client_options(), retry_config=RETRY)
