"""Cluster: a Dask client with workers like the notebook, on which scikit-learn computes."""

import asyncio
import os
import socket
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from html import escape
from types import TracebackType
from typing import Self

import dask
from dask.system import CPU_COUNT
from dask.utils import format_bytes
from distributed import Client
from distributed.comm import connect
from distributed.security import Security
from distributed.versions import VersionMismatchWarning
from joblib import parallel_config

from service.contract.errors import ClusterError
from service.contract.settings import Settings
from service.lab.cluster import fit_backend
from service.lab.cluster.engine import configure
from service.lab.cluster.script import check_script
from service.lab.cluster.security import address, security
from service.lab.cluster.versions import described, differences

SECONDS = 10.0  # for a scheduler to answer, and for its first worker to come
PROXIED = "labloop-cluster/status"  # as start/tiles.py serves it
START = (
    "Start one: `COMPOSE_PROFILES=cluster docker compose up` or, without Docker, `make cluster`. "
    "Without DASK_SCHEDULER_ADDRESS, this machine's own cores compute. If one is there, either it "
    "and this notebook have CLUSTER_TLS_DIR, or neither has."
)
SHOWN = 3  # workers that differ


class Cluster(Client):  # type: ignore[misc]
    """A Dask client. In a ``with`` block, scikit-learn fits on its workers.

    `start` makes one.

    Attributes
    ----------
    served_port : int
        The port of the dashboard that JupyterLab passes on.
    """

    served_port = 0

    def check(self) -> None:
        """Refuse workers whose versions differ from the notebook's.

        Raises
        ------
        ClusterError
            Some do; the text says which, and in what. Or there are none.
        """
        try:
            self.wait_for_workers(1, timeout=SECONDS)
        except TimeoutError as error:
            raise ClusterError(
                f"The scheduler at {self.scheduler.address} has no workers. With Compose, `docker "
                "compose logs worker` says why. Elsewhere start some from a checkout: "
                f"`DASK_SCHEDULER_ADDRESS={self.scheduler.address} .venv/bin/python -m "
                "service.lab.cluster worker`, or call `lab.cluster()` anew if it started them."
            ) from error
        answers = self.run(described, on_error="return")
        failed = {worker: said for worker, said in answers.items() if isinstance(said, Exception)}
        for worker, said in failed.items():
            raise ClusterError(
                f"Worker {worker} has not the code in service/ ({type(said).__name__}: {said}). "
                "Start workers from this checkout or its image: `make cluster`, or the Compose "
                "profile `cluster`."
            )
        if not (found := differences(described(), answers)):
            return
        more = f" And {len(found) - SHOWN} more." if len(found) > SHOWN else ""
        raise ClusterError(
            f"{' '.join(found[:SHOWN])}{more} A model would not be the same there. Restart the "
            "workers from the notebook's own image or environment, and this notebook's kernel."
        )

    @property
    def memory(self) -> int:
        """The bytes that the worker with the least memory may take."""
        workers = self.scheduler_info(n_workers=-1)["workers"].values()
        return min(int(worker["memory_limit"]) for worker in workers)

    @property
    def link(self) -> str:
        """Where its dashboard is: inside JupyterLab through JupyterLab's own port."""
        port = self.scheduler_info()["services"].get("dashboard")
        is_served = self.cluster is None or port == self.served_port
        if "JPY_SESSION_NAME" in os.environ and is_served:
            return os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "/") + PROXIED
        return str(self.dashboard_link)

    def _repr_html_(self) -> str:
        info = self.scheduler_info(n_workers=-1)
        workers = info["workers"].values()
        rows = {
            "workers": f"{len(workers):,}",
            "threads": f"{sum(each['nthreads'] for each in workers):,}",
            "memory": format_bytes(sum(each["memory_limit"] for each in workers)),
            "scheduler": f"<code>{escape(info['address'])}</code>",
            "dashboard": f'<a href="{escape(self.link)}" target="_blank">{escape(self.link)}</a>',
        }
        where = "on this machine" if self.cluster is not None else "of workers"
        lines = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows.items())
        return f"<p><b>Cluster {where}</b></p><table>{lines}</table>"

    def __enter__(self) -> Self:
        super().__enter__()
        self._contexts = ExitStack()
        self._contexts.enter_context(parallel_config(backend=fit_backend.BACKEND, client=self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._contexts.close()
        super().__exit__(kind, error, traceback)


def current() -> Cluster | None:
    """Return the cluster that this notebook uses now; None if it uses none.

    Examples
    --------
    >>> current() is None
    True
    """
    try:
        client = Client.current()
    except ValueError:  # there is none
        return None
    return client if isinstance(client, Cluster) else None


def start(settings: Settings, workers: int | None = None) -> Cluster:
    """Connect to the scheduler of the settings; without one, start a worker for each core here.

    Parameters
    ----------
    settings : Settings
    workers : int, optional
        How many processes are started on this machine; by default one for each core.

    Raises
    ------
    ClusterError
        There is no scheduler, it has no workers, their versions differ from the notebook's, or a
        script would be run by its own workers.

    Examples
    --------
    >>> with start(Settings(dask_scheduler_address=""), workers=1) as cluster:
    ...     cluster.submit(sum, [1, 2]).result()
    3
    """
    scheduler = address(settings)
    if workers is not None and scheduler:
        raise ClusterError(
            f"workers={workers} is for a cluster on this machine, but DASK_SCHEDULER_ADDRESS="
            f"{scheduler} names one that has its own. Leave out one of the two."
        )
    if workers is not None and workers < 1:
        raise ClusterError(f"workers={workers} is no number of processes; give at least 1.")
    if not scheduler:
        check_script()
        configure()
        # Dask would read the variable itself, and take an empty one for an address.
        with dask.config.set({"scheduler-address": None}):
            cluster = Cluster(
                n_workers=workers or CPU_COUNT,
                threads_per_worker=1,
                dashboard_address=f"127.0.0.1:{_free(settings.dashboard_port)}",
                worker_dashboard_address="127.0.0.1:0",
                preload=[fit_backend.__name__],
            )
        cluster.served_port = settings.dashboard_port
        return cluster
    cluster = _connected(scheduler, settings)
    try:
        cluster.check()
        cluster.run(fit_backend.load)
    except ClusterError:
        cluster.close()
        raise
    return cluster


def _connected(scheduler: str, settings: Settings) -> Cluster:
    secured = security(settings)
    try:
        with ThreadPoolExecutor(1) as thread:  # this one may have a loop that runs, in a notebook
            thread.submit(asyncio.run, _reached(scheduler, secured or Security())).result()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VersionMismatchWarning)  # `check` says more
            return Cluster(scheduler, timeout=SECONDS, security=secured)
    except (OSError, ValueError, RuntimeError, TypeError, MemoryError) as error:
        # What is no scheduler answers with what is taken for a length of many terabytes.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ClusterError(
            f"There is no scheduler at DASK_SCHEDULER_ADDRESS={scheduler} ({reason}). {START}"
        ) from error


async def _reached(address: str, secured: Security) -> None:
    """Connect once: a client itself would wait for ever for what accepts it and says nothing."""
    arguments = secured.get_connection_args("client")
    comm = await asyncio.wait_for(connect(address, SECONDS, **arguments), SECONDS + 1)
    comm.abort()


def _free(port: int) -> int:
    """Return the port; 0, which stands for any, if another notebook's cluster has it."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port
