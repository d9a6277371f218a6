"""Manifest: what is known about a model version, kept with it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.contract.errors import ArtifactError
from service.contract.files import read_regular
from service.contract.libraries import versions
from service.contract.signature.signature import Signature

MODEL, GOLDEN, BASELINE, MANIFEST = "model.skops", "golden.json", "baseline.json", "manifest.json"

LARGEST = 100_000_000  # bytes that a manifest may have


class Manifest(BaseModel):
    """What is known about a model version.

    It does not hold the version's number: that is the name of the folder, claimed by the rename
    that publishes it.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    created: datetime = Field(default_factory=lambda: datetime.now(UTC))
    estimator: str
    rows: int
    signature: Signature
    class_names: dict[str, str] | None = None
    metrics: dict[str, float] = {}
    parameters: dict[str, Any] = {}
    libraries: dict[str, str] = Field(default_factory=versions.installed)
    left_out: list[str] = []  # of the model file, because predict never calls it
    image: str
    git_revision: str | None = None
    git_dirty: bool | None = None  # whether `service/` was edited after that commit

    @property
    def commit(self) -> str:
        """The commit as `git describe --dirty` writes it; empty if it is not known."""
        return f"{self.git_revision or ''}{'-dirty' if self.git_dirty else ''}"

    def shown(self) -> dict[str, Any]:
        """Return what everybody may see, for JSON.

        With private features, the estimator's parameters are left out: they may hold categories.
        """
        content = self.model_dump(mode="json") | {"signature": self.signature.shown()}
        if self.signature.private:
            content["estimator"] = self.estimator.partition("(")[0]
        return content

    def class_name(self, label: Any) -> str:
        """Return a class's name for people, e.g. 'setosa' for 0."""
        return (self.class_names or {}).get(str(label), str(label))


def read(file: Path, place: str) -> Manifest:
    """Read a version's manifest from its file; raise what `loads` raises."""
    try:
        content = read_regular(file, LARGEST)
    except OSError as error:
        raise ArtifactError(f"{place} cannot be read: {error}.") from error
    return loads(content, place)


def loads(content: bytes, place: str) -> Manifest:
    """Read a manifest.

    Raises
    ------
    ArtifactError
        It is none; the text names the place.
    """
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc'])) or 'its content'}: {first['msg']}"
        raise ArtifactError(f"{place} cannot be read: {reason}.") from error
