"""Loaded model: a version in memory, ready to answer."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from service.api.processes import strikes
from service.api.processes.pulse import pulse
from service.api.registry import free_memory
from service.contract.errors import LabloopError
from service.contract.log.kinds import kinds_of
from service.contract.log.line import Heading
from service.contract.model import golden
from service.contract.model.manifest import Manifest
from service.contract.predictors.decision_trees import own_trees, size
from service.contract.predictors.estimator_math import unwrap
from service.contract.predictors.loading import Passed
from service.contract.predictors.predictor import Predictor
from service.contract.signature.predictions import discreetly
from service.contract.signature.signature import Columns, Signature


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A version in memory: everything that a request needs, in one reference."""

    name: str
    version: int
    predictor: Predictor
    manifest: Manifest
    digest: str
    example: dict[str, Any]

    @classmethod
    def of(cls, passed: Passed, name: str, version: int, digest: str) -> "LoadedModel":
        """Make what passed validation ready, and have it predict the golden rows once more.

        Raises
        ------
        ArtifactError
            In this process it predicts otherwise.
        """
        signature = passed.manifest.signature
        with discreetly(signature):
            predictor = Predictor(passed.estimator, signature, passed.verdict)
        with pulse.computing(strikes.label(name, version, digest).encode()):
            golden.prove(predictor, signature, passed.rows)
            example = _example(predictor, passed.rows.columns)
        model = cls(name, version, predictor, passed.manifest, digest, example)
        trees = own_trees(unwrap(passed.estimator)[-1])
        if size(trees) > free_memory.WORTH_BYTES:
            free_memory.when_gone(model, trees)
        return model

    @property
    def whole_example(self) -> dict[str, Any] | None:
        """The example, if it has a value for each feature; it may lack the private ones."""
        whole = len(self.example) == len(self.signature.names)
        return self.example if whole else None

    @cached_property
    def signature(self) -> Signature:
        """What it takes and gives."""
        return self.manifest.signature

    @cached_property
    def shown(self) -> dict[str, Any]:
        """What everybody may see of it, for JSON."""
        shown, verdict = self.manifest.shown(), self.predictor.verdict
        return {
            "estimator": shown["estimator"],
            "metrics": self.manifest.metrics,
            "class_names": self.manifest.class_names,
            "fast_path": verdict.slow_because is None,
            "slow_because": verdict.slow_because,
            "example": self.example,
            "signature": shown["signature"],
        }

    @cached_property
    def heading(self) -> Heading:
        """What the log's lines about it begin with."""
        heading: Heading = {"model": self.name, "version": self.version, "digest": self.digest}
        if kinds := kinds_of(self.signature):
            heading["kinds"] = kinds
        return heading

    @cached_property
    def is_quick(self) -> bool:
        """Whether the event loop may predict with it by itself."""
        return self.predictor.verdict.quick

    @cached_property
    def label(self) -> bytes:
        """What the supervisor calls it."""
        return strikes.label(self.name, self.version, self.digest).encode()


def _example(predictor: Predictor, columns: Columns) -> dict[str, Any]:
    """Choose a row to show.

    It has no value of a private feature where the model would refuse one that tells nothing.
    """
    signature = predictor.signature
    example = signature.example(columns)
    if signature.private:
        try:
            predictor(signature.parse_rows([example]))
        except LabloopError:
            return {name: v for name, v in example.items() if name not in signature.private}
    return example
