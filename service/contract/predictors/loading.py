"""Loading: a version is read once its files are checked; its answers and fast path are proved."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from service.contract.errors import ArtifactError
from service.contract.libraries import boosters, versions
from service.contract.model import golden
from service.contract.model.golden import Golden
from service.contract.model.manifest import GOLDEN, MODEL, Manifest
from service.contract.model.store import ModelStore
from service.contract.model_file import artifact
from service.contract.predictors.predictor import Predictor, Verdict
from service.contract.signature.predictions import discreetly, predict_columns

PERTURBED_ROWS = 300


@dataclass(frozen=True)
class Passed:
    """A version that passed: what was loaded, and what is known of its fast path."""

    estimator: Any
    manifest: Manifest
    rows: Golden
    verdict: Verdict


def load(store: ModelStore, name: str, version: int, who: str) -> Passed:
    """Check a version's files, load its estimator, and prove it and its fast path.

    Parameters
    ----------
    store : ModelStore
    name : str
    version : int
    who : str
        The side that loads it, for messages: "the API".

    Raises
    ------
    ArtifactError
        The text says what is wrong with the version.
    """
    store.check_files(name, version)
    manifest = store.manifest(name, version)
    folder = store.folder(name, version)
    with versions.told(manifest.libraries, who):
        return _prove(folder, manifest)


def _prove(folder: Path, manifest: Manifest) -> Passed:
    estimator = artifact.load(folder / MODEL)
    boosters.use_one_thread(estimator)  # several tables are predicted at once
    try:
        rows = Golden.model_validate_json((folder / GOLDEN).read_bytes())
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{GOLDEN} cannot be read. Publish again.") from error
    signature = manifest.signature
    golden.prove(partial(predict_columns, estimator, signature), signature, rows)
    with discreetly(signature):
        predictor = Predictor(estimator, signature)
        predictor.try_fast_path(rows, PERTURBED_ROWS)
    return Passed(estimator, manifest, rows, predictor.verdict)
