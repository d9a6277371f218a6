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

from service.contract.settings import CHECKOUT
from service.lab.lab import Lab
from service.lab.reports.search.search_report import SearchReport

__all__ = ["CHECKOUT", "Lab", "SearchReport"]
