"""Model checks: whether each version can be read, and whether the API serves what is live."""

from collections.abc import Iterator
from typing import Any

from service.contract.errors import LabloopError, StoreError
from service.contract.libraries import versions
from service.contract.model import entries
from service.contract.model.store import ModelStore
from service.contract.text import printable
from service.lab.doctor.diagnosis import SHOWN, Finding
from service.lab.reports.report import counted

SAME_FOLDER = "MODELS_DIR to the same folder"


def check_models(
    store: ModelStore,
    served: dict[str, dict[str, Any]] | None,
    libraries: dict[str, str] | None,
) -> Iterator[Finding]:
    """Read every manifest and alias file, and compare them with what is served.

    Parameters
    ----------
    store : ModelStore
    served : dict of str to dict, or None
        As `served_models` returns it; None if no API says what it serves.
    libraries : dict of str to str, or None
        The versions of the libraries that the API has.
    """
    yield from _check_odd_entries(store)
    try:
        names, problems = store.names(), 0
    except StoreError as error:
        yield Finding("fix", "models", str(error))
        return
    for finding in _check_each(store, names, served):
        problems += 1
        yield finding
    for name in names:
        yield from _check_libraries(store, name, libraries)
    if not problems:
        yield Finding("ok", "models", f"{counted(len(names), 'model')}, all readable and live.")


def _check_odd_entries(store: ModelStore) -> Iterator[Finding]:
    """Name what lies in the store and is neither a model nor a version."""
    root = store.root
    found = [*entries.odd(root)] if root.is_dir() else []
    for path, why in found[:SHOWN]:
        shown = printable(str(path.relative_to(root)))
        sentence = f"{shown!r} in {root} is ignored: {why}."
        yield Finding("note", "models", sentence, "Restore it, or move it away.")
    if len(found) > SHOWN:
        more = counted(len(found) - SHOWN, "more thing")
        yield Finding("note", "models", f"{more} like these.")


def _check_each(
    store: ModelStore, names: list[str], served: dict[str, dict[str, Any]] | None
) -> Iterator[Finding]:
    if served is not None and served.keys() != set(names):
        same = "STORE_URL to the same URL" if store.place != str(store.root) else SAME_FOLDER
        yield Finding(
            "fix",
            "models",
            f"The API knows {', '.join(sorted(served)) or 'no model'}; "
            f"{store.place} has {', '.join(names) or 'none'}.",
            f"Set {same} on both sides.",
        )
    for name in names:
        yield from _check_versions(store, name)
        if served is not None and name in served:
            yield from _check_serving(store, name, served[name])


def _check_versions(store: ModelStore, name: str) -> Iterator[Finding]:
    for version in store.versions(name):
        try:
            store.manifest(name, version)
        except LabloopError as error:
            remedy = f"Restore it, or delete it: lab.delete({name!r}, {version})."
            yield Finding("fix", "models", str(error), remedy)
    if (problem := store.problem(name)) is not None:
        yield Finding("fix", "models", problem)


def _check_libraries(
    store: ModelStore, name: str, libraries: dict[str, str] | None
) -> Iterator[Finding]:
    """Compare what the live version was trained with, with what the API has."""
    try:
        live = store.aliases(name).live
        if live is None or libraries is None or not store.has(name, live):
            return
        trained = store.manifest(name, live).libraries
    except LabloopError:  # already named
        return
    if (differs := versions.difference(trained, libraries, "the API")) is not None:
        remedy = "Train and publish it again, so that its predictions are those of the API."
        yield Finding("note", "models", f"{name} version {live} was {differs}.", remedy)


def _check_serving(store: ModelStore, name: str, served: dict[str, Any]) -> Iterator[Finding]:
    versions = store.versions(name)
    # A problem of the store was already named, and explains why a worker serves another version.
    workers = [each for each in served["workers"] if each["state"] not in ("stuck", "gone")]
    if store.problem(name) is not None:
        workers = []
    try:
        aliases = store.aliases(name)
    except LabloopError:  # already named
        return
    live = aliases.live
    if live is None and versions:
        remedy = f"lab.promote({name!r}, {versions[-1]}) makes one live."
        yield Finding("note", "models", f"{name} has no live version.", remedy)
    for worker in workers:
        reason = worker["refused"].get(str(live))
        if live is None or worker["version"] == live:
            continue
        who = f"worker {worker['pid']}" if len(workers) > 1 else "the API"
        if reason is not None:
            sentence = f"{name} version {live} is to be live, and {who} refused it: {reason}"
            remedy = "Publish it again, or lab.promote(…) another."
            yield Finding("fix", "models", sentence, remedy)
        elif worker["generation"] < aliases.generation:
            sentence = f"{name} version {live} is being validated by {who}."
            yield Finding("note", "models", sentence)
        else:
            sentence = f"{name} version {live} is to be live, and {who} does not serve it."
            remedy = f"lab.promote({name!r}, {live}) makes it look again."
            yield Finding("fix", "models", sentence, remedy)
    for refusal in served["refused"]:
        if refusal["version"] not in (None, live):
            which = f"{name} version {refusal['version']}"
            yield Finding("note", "models", f"{which} was refused: {refusal['reason']}")
