"""The notebook side: publish models, get predictions, and read the prediction log back.

A table leaves by `publish` and `client`, and comes back by `log`, for `reports` to read. Imports
`service.contract` and `service.features`, never `service.api`.

`CHECKOUT` is the folder of the project, so that a notebook finds `data/` wherever it runs.

Examples
--------
>>> from service.lab import Lab
>>> lab = Lab(api_url="http://127.0.0.1:9")
>>> lab
Lab(api_url='http://127.0.0.1:9')
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from service.contract.settings import CHECKOUT

if TYPE_CHECKING:
    from service.lab.lab import Lab
    from service.lab.reports.search.search_report import SearchReport

__all__ = ["CHECKOUT", "Lab", "SearchReport"]

HOMES = {"Lab": "service.lab.lab", "SearchReport": "service.lab.reports.search.search_report"}


def __getattr__(name: str) -> Any:
    """Import what notebooks use when they do; a process of a cluster needs none of it."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
