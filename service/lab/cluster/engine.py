"""Engine: Dask's own settings, where Labloop needs others than Dask has."""

import dask

ROUTES = "distributed.scheduler.http.routes"
FOREVER = "365 days"


def configure() -> None:
    """Set what schedulers and clusters that start in this process are to do.

    A scheduler serves nothing but its own dashboard: beside jupyter-server-proxy, which the lab
    has, Dask's would open websockets to any address that a visitor names. A cluster keeps the
    place of a worker that died twice within 15 s: its nanny brings it back. Workers keep memory
    that they need again: with what Dask sets, a forest takes twice as long for a large table. And
    each keeps the data that was sent to it until the call ends: Dask drops what a worker has no
    task for at the moment, and sends it again for the next one.

    Examples
    --------
    >>> configure()
    >>> "distributed.http.proxy" in dask.config.get(ROUTES)
    False
    """
    routes = [each for each in dask.config.get(ROUTES) if each != "distributed.http.proxy"]
    dask.config.set(
        {
            ROUTES: routes,
            "distributed.deploy.lost-worker-timeout": FOREVER,
            "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
            "distributed.scheduler.active-memory-manager.start": False,
        }
    )
