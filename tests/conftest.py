import pytest

from tests.stack import checkout, engine, stack  # noqa: F401

SHARE_THE_STACK = ("test_browser", "test_compose")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep each file on one worker, for its fixtures; and one worker for the Compose stack."""
    name = item.path.stem
    item.add_marker(pytest.mark.xdist_group("stack" if name in SHARE_THE_STACK else name))
