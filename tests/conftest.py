import pytest

from tests.stack import checkout, engine, stack  # noqa: F401

SHARE_THE_STACK = ("test_browser", "test_compose")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep each file on one worker, for its fixtures; and one worker for the Compose stack."""
    for item in items:
        name = item.path.stem
        group = "stack" if name in SHARE_THE_STACK else name
        item.add_marker(pytest.mark.xdist_group(group))
