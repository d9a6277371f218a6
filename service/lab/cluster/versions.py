"""Versions of a cluster: whether its workers have the libraries that the notebook has."""

from collections.abc import Mapping
from functools import cache

from service.contract import code_digest
from service.contract.build import CODE
from service.contract.libraries import versions

ENGINE = ("cloudpickle", "dask", "distributed", "duckdb", "joblib", "msgpack")
OWN = "the code in service/"


@cache  # of the code as it was first asked about: what is edited later is not in memory
def described() -> dict[str, str]:
    """Return the versions that decide what a process computes, and whether it can be talked to.

    Examples
    --------
    >>> {"python", "scikit-learn", "dask", OWN} <= described().keys()
    True
    """
    libraries = versions.installed() | versions.here(ENGINE)
    return libraries | {OWN: code_digest.of_folder(CODE)[:12]}


def differences(here: Mapping[str, str], there: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Say in which versions workers differ from the notebook.

    Parameters
    ----------
    here : mapping of str to str
        The notebook's, as `described` returns them.
    there : mapping of str to mapping
        Those of each worker, by its address.

    Returns
    -------
    list of str
        A sentence for each worker that differs.

    Examples
    --------
    >>> differences({"numpy": "2.4.1"}, {"tcp://10.0.0.2:4001": {"numpy": "2.4.0"}})
    ['Worker tcp://10.0.0.2:4001 has numpy 2.4.0, this notebook has 2.4.1.']
    """
    sentences = []
    for worker, theirs in there.items():
        names = [name for name in {**here, **theirs} if here.get(name) != theirs.get(name)]
        if names:
            each = "; ".join(
                f"{name} {theirs.get(name, 'not at all')}, this notebook has "
                f"{here.get(name, 'none')}"
                for name in names
            )
            sentences.append(f"Worker {worker} has {each}.")
    return sentences
