"""Trial: a version is loaded and asked its golden rows before the API loads it.

`service.api.trial_process` runs it in a process of its own.
"""

import os
from multiprocessing.connection import Connection
from pathlib import Path

from service.api.predictor import Predictor
from service.contract import artifact, golden
from service.contract.errors import ArtifactError, LabloopError
from service.contract.manifest import GOLDEN, MODEL, Manifest
from service.contract.model_store import ModelStore

PERTURBED_ROWS = 300


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


def report(answer: Connection, root: Path, name: str, version: int) -> None:
    """Load a version, try its fast path thoroughly, and send what came of it.

    Sends a pair: why the version is refused, and why it has no fast path; None
    where it is not.
    """
    os.nice(19)  # whoever waits for an answer goes first
    refused = slow_because = None
    try:
        slow_because = load(ModelStore(root), name, version, PERTURBED_ROWS)[0].slow_because
    except LabloopError as error:
        refused = str(error)
    except Exception as error:
        refused = f"{type(error).__name__}: {error}"
    answer.send((refused, slow_because))
