"""Start a cluster, by Dask's own scheduler and worker.

    python -m service.lab.cluster local       both, as `make cluster` does; Ctrl-C ends them
    python -m service.lab.cluster worker      workers of the scheduler at DASK_SCHEDULER_ADDRESS
    python -m service.lab.cluster scheduler   a scheduler alone, for containers

With CLUSTER_TLS_DIR they talk by TLS. What else `dask scheduler` and `dask worker` take may follow.
"""

import os
import signal
import socket
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from socket import AF_INET, AF_INET6
from threading import Event

from dask.system import CPU_COUNT
from distributed import LocalCluster
from distributed.cli.dask_scheduler import main as dask_scheduler
from distributed.cli.dask_worker import main as dask_worker
from distributed.system import MEMORY_LIMIT

from service.contract import env_file
from service.contract.build import build
from service.contract.errors import ClusterError, LabloopError
from service.contract.settings import CHECKOUT, EVERYWHERE, LOOPBACK, Settings, settings
from service.lab.cluster.engine import configure
from service.lab.cluster.security import FILES, address, security

NANNY_BYTES = 150 * 2**20  # what the process that watches over the workers takes at most
# A terminal sends Ctrl-C to workers, too; their starter ends them. Dask runs this in each.
PRELOAD = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
PATIENCE = 60  # seconds for a scheduler to answer


def tls(settings: Settings) -> list[str]:
    """Return Dask's options for TLS, if it is on."""
    if security(settings) is None:
        return []
    names = ("--tls-ca-file", "--tls-cert", "--tls-key")
    files = zip(names, FILES.values(), strict=True)
    return [f"{name}={settings.cluster_tls_dir}/{file}" for name, file in files]


def wanted(given: str) -> int:
    """Return how many workers an option or `WORKERS` asks for; else one for each core.

    Raises
    ------
    ClusterError
        It is no number.
    """
    written = env_file.settings(CHECKOUT / ".env", os.environ)
    text = given or os.environ.get("WORKERS") or written.get("WORKERS") or str(CPU_COUNT)
    if not text.isdecimal() or int(text) < 1:
        name = "--nworkers" if given else "WORKERS"
        raise ClusterError(f"{name}={text!r} cannot be used: give a number of processes.")
    return int(text)


def worker(settings: Settings, workers: int, more: list[str]) -> None:
    """Run workers of a scheduler that is elsewhere, until they are stopped or it goes."""
    if not settings.dask_scheduler_address:
        raise ClusterError(
            "DASK_SCHEDULER_ADDRESS is not set. Set it to the scheduler that these workers are "
            "for, e.g. tcp://192.168.1.5:8786; `make cluster` starts one, with workers of its own."
        )
    # Of a container's memory, where it has a limit; by itself Dask divides that by the cores.
    memory = max(MEMORY_LIMIT - NANNY_BYTES, MEMORY_LIMIT // 2) // workers
    own = [f"--nworkers={workers}", "--nthreads=1", f"--memory-limit={memory}"]
    own += [f"--death-timeout={PATIENCE}", "--no-dashboard", "--dashboard-address=127.0.0.1:0"]
    own += [f"--preload={PRELOAD}"]
    dask_worker([address(settings), *own, *tls(settings), *more])


def local(settings: Settings, workers: int, port: int) -> None:
    """Run a scheduler and workers, until Ctrl-C or SIGTERM."""
    host = settings.bind_address
    alone = "Or keep it to this machine: BIND_ADDRESS=127.0.0.1 make cluster"
    if host in EVERYWHERE:
        raise ClusterError(
            f"BIND_ADDRESS={host} does not say where other machines find these workers. Give the "
            f"address that this machine has for them, e.g. 192.168.1.5. {alone}"
        )
    if host not in LOOPBACK and settings.cluster_tls_dir is None:
        raise ClusterError(
            f"BIND_ADDRESS={host} lets other machines reach the scheduler, and whoever reaches it "
            "runs code as you. Set CLUSTER_TLS_DIR (docs/scale.md says how to make certificates). "
            f"{alone}"
        )
    check_port("--port", host, port)
    check_port("DASHBOARD_PORT", "127.0.0.1", settings.dashboard_port)
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host=host,
            scheduler_port=port,
            dashboard_address=f"127.0.0.1:{settings.dashboard_port}",
            worker_dashboard_address="127.0.0.1:0",
            preload=[PRELOAD],
            security=security(settings),
        )
    except RuntimeError:
        if stopped.is_set():  # a terminal sends Ctrl-C to workers that start, too
            return
        raise
    with cluster:
        print(greeting(cluster, settings), flush=True)
        stopped.wait()


def check_port(name: str, host: str, port: int) -> None:
    """Refuse a port that cannot be had."""
    try:
        socket.create_server((host, port), family=AF_INET6 if ":" in host else AF_INET).close()
    except OSError as error:
        raise ClusterError(
            f"{name} {port} of {host} cannot be had ({os.strerror(error.errno or 0)}). If another "
            "cluster has it, use that one or end it. Else choose another port."
        ) from error


def greeting(cluster: LocalCluster, settings: Settings) -> str:
    """Say how to use a cluster, and how it grows."""
    where = f"DASK_SCHEDULER_ADDRESS={cluster.scheduler_address}"
    more = "docs/scale.md says how other machines join."
    if settings.bind_address not in LOOPBACK:
        more = (
            f"on other machines, from a checkout: {where} CLUSTER_TLS_DIR=... .venv/bin/python -m "
            "service.lab.cluster worker"
        )
    lines = {
        "Notebooks": f"{where} in .env or the environment",
        "Dashboard": f"http://127.0.0.1:{cluster.scheduler_info['services']['dashboard']}/status",
        "More workers": more,
        "Stop with": "Ctrl-C",
    }
    said = "\n".join(f"{name + ':':14}{text}" for name, text in lines.items())
    return f"The cluster is up. Workers: {len(cluster.workers)}\n{said}"


def main(words: list[str]) -> None:
    """Start what is asked for."""
    parser = ArgumentParser(
        prog="python -m service.lab.cluster",
        description=__doc__,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", choices=["local", "worker", "scheduler"])
    parser.add_argument(
        "--nworkers", default="", help="processes; by default WORKERS, or the cores"
    )
    parser.add_argument("--port", type=int, default=8786, help="the scheduler's")
    options, more = parser.parse_known_args(words)
    configure()
    try:
        build().check()
        if options.part == "scheduler":
            dask_scheduler([f"--port={options.port}", *tls(settings()), *more])
        elif options.part == "worker":
            worker(settings(), wanted(options.nworkers), more)
        elif more:
            parser.error(f"`local` takes no {' '.join(more)}")
        else:
            local(settings(), wanted(options.nworkers), options.port)
    except LabloopError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
