"""Security of a cluster: whoever reaches a scheduler runs code on all workers, so TLS says who may.

It is Dask's own. Scheduler, workers and notebooks show each other a certificate of one authority,
and talk to nobody without.
"""

from distributed.security import Security

from service.contract.errors import SettingError
from service.contract.settings import Settings

FILES = {"tls_ca_file": "ca.pem", "cert": "cert.pem", "key": "key.pem"}


def security(settings: Settings) -> Security | None:
    """Return what `CLUSTER_TLS_DIR` says; None if it is not set.

    Raises
    ------
    SettingError
        A file is not there.

    Examples
    --------
    >>> security(Settings(cluster_tls_dir="no-such-folder"))
    Traceback (most recent call last):
        ...
    service.contract.errors.SettingError: CLUSTER_TLS_DIR=...no-such-folder has no ca.pem, ...
    """
    folder = settings.cluster_tls_dir
    if folder is None:
        return None
    missing = [name for name in FILES.values() if not (folder / name).is_file()]
    if missing:
        raise SettingError(
            f"CLUSTER_TLS_DIR={folder} has no {', '.join(missing)}. docs/scale.md says how to make "
            "them."
        )
    authority, certificate, key = (str(folder / name) for name in FILES.values())
    pairs = {
        f"tls_{who}_{what}": file
        for who in ("client", "scheduler", "worker")
        for what, file in (("cert", certificate), ("key", key))
    }
    return Security(tls_ca_file=authority, require_encryption=True, **pairs)


def address(settings: Settings) -> str:
    """Return `DASK_SCHEDULER_ADDRESS`; `CLUSTER_TLS_DIR` alone decides if it is called by TLS.

    Examples
    --------
    >>> address(Settings(dask_scheduler_address="tcp://scheduler:8786", cluster_tls_dir="tls"))
    'tls://scheduler:8786'
    """
    host = settings.dask_scheduler_address
    if settings.cluster_tls_dir is None or not host:
        return host
    return f"tls://{host.rpartition('://')[2]}"
