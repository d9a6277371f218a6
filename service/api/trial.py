"""Trial: a version is loaded and asked its golden rows before the API loads it.

It runs in a process of its own. A crafted model file can pass every check of
types and still crash the process that predicts with it; here it crashes alone.
"""

import multiprocessing
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path

from service.api.predictor import Predictor
from service.contract import artifact, golden
from service.contract.errors import ArtifactError, LabloopError
from service.contract.manifest import GOLDEN, MODEL, Manifest
from service.contract.model_store import ModelStore

SECONDS = 60
PERTURBED_ROWS = 300

# A fork server imports scikit-learn once; each trial is then a fork of it.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__, "sklearn.ensemble", "sklearn.pipeline"])


def warm_up() -> None:
    """Start the fork server, so that the first trial need not wait for its imports."""
    forkserver.ensure_running()


def load(
    store: ModelStore, name: str, version: int, perturbed: int = 0
) -> tuple[Predictor, Manifest]:
    """Check a version's files, load its estimator, and prove it and its fast path.

    Returns
    -------
    predictor, manifest

    Raises
    ------
    ArtifactError
        The text says what is wrong with the version.
    """
    store.check_files(name, version)
    manifest = store.manifest(name, version)
    folder = store.folder(name, version)
    estimator = artifact.load(folder / MODEL)
    try:
        rows = golden.Golden.model_validate_json((folder / GOLDEN).read_bytes())
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{GOLDEN} cannot be read. Publish again.") from error
    golden.prove(estimator, manifest.signature, rows)
    return Predictor(estimator, manifest.signature, rows, perturbed), manifest


def run(root: Path, name: str, version: int) -> str | None:
    """Load a version in a process of its own, and try its fast path thoroughly there.

    Returns
    -------
    slow_because : str or None
        Why it has no fast path.

    Raises
    ------
    ArtifactError
        It fails, crashes or takes longer than 60 s.
    """
    ours, theirs = _context.Pipe(duplex=False)
    process = _context.Process(target=_in_child, args=(theirs, root, name, version), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(SECONDS):
            raise ArtifactError(f"The trial of {name} {version} took longer than {SECONDS} s.")
        refused, slow_because = ours.recv()
    except EOFError:
        process.join(SECONDS)
        raise ArtifactError(
            f"The trial of {name} {version} crashed (exit code {process.exitcode}). "
            "The model file is damaged, or the container is short of memory."
        ) from None
    finally:
        ours.close()
        process.kill()
        process.join()
    if refused is not None:
        raise ArtifactError(refused)
    return slow_because


def _in_child(answer: Connection, root: Path, name: str, version: int) -> None:
    refused = slow_because = None
    try:
        slow_because = load(ModelStore(root), name, version, PERTURBED_ROWS)[0].slow_because
    except LabloopError as error:
        refused = str(error)
    except Exception as error:
        refused = f"{type(error).__name__}: {error}"
    answer.send((refused, slow_because))
