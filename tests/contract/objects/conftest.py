from collections.abc import Iterator

import pytest

from tests.support.s3 import S3, running_s3


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with running_s3(tmp_path_factory.mktemp("s3")) as s3:
        yield s3


@pytest.fixture
def s3(server: S3, request: pytest.FixtureRequest) -> S3:
    """A place in the bucket of its own."""
    return server.below(request.node.name.partition("[")[0])
