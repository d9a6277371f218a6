"""Dashboard of a scheduler: Dask's own, without the way from there to other addresses."""

import dask

ROUTES = "distributed.scheduler.http.routes"


def narrow() -> None:
    """Have schedulers that start in this process serve nothing but their own dashboard.

    Beside jupyter-server-proxy, which the lab has, Dask's would open websockets to any address that
    a visitor names.

    Examples
    --------
    >>> narrow()
    >>> "distributed.http.proxy" in dask.config.get(ROUTES)
    False
    """
    routes = [each for each in dask.config.get(ROUTES) if each != "distributed.http.proxy"]
    dask.config.set({ROUTES: routes})
