"""The manifests in k8s/, as kubectl would send them."""

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tests.support.live import CHECKOUT
from tests.support.need import outside

Document = dict[str, Any]
COMPONENTS = ["prometheus", "object-store", "cluster"]  # each in the overlay `production`
OVERLAYS = ["local", "production", *COMPONENTS, "cluster object-store"]
NAME = "app.kubernetes.io/name"
OWNERS = ("StatefulSet", "Deployment", "Job")
# The linter's environment reads YAML.
TO_JSON = "import json, sys, yaml; json.dump([*yaml.safe_load_all(sys.stdin)], sys.stdout)"


class Pods(NamedTuple):
    """The pods that one object makes: its kind, its labels, what is in them, its own volumes."""

    kind: str
    labels: dict[str, str]
    spec: Document
    claims: list[str]

    @property
    def containers(self) -> list[Document]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    def mounts(self, container: Document) -> dict[str, Document]:
        """Return what is mounted in a container, by path."""
        return {each["mountPath"]: each for each in container.get("volumeMounts", [])}


class Manifests:
    """What one overlay becomes."""

    def __init__(self, documents: list[Document]) -> None:
        self.documents = documents

    def of(self, kind: str) -> dict[str, Document]:
        """Return all objects of a kind, by name."""
        return {each["metadata"]["name"]: each for each in self.documents if each["kind"] == kind}

    @property
    def pods(self) -> dict[str, Pods]:
        """What makes pods, by name."""
        found = {}
        for kind in OWNERS:
            for name, each in self.of(kind).items():
                spec = each["spec"]
                template = spec["template"]
                claims = [one["metadata"]["name"] for one in spec.get("volumeClaimTemplates", [])]
                labels = template["metadata"]["labels"]
                found[name] = Pods(kind, labels, template["spec"], claims)
        return found

    @property
    def settings(self) -> dict[str, str]:
        (found,) = self.of("ConfigMap").values()
        return dict(found["data"])


def kustomize(folder: Path) -> str:
    """Return what `kubectl apply -k` would send."""
    command = [str(outside("kubernetes", "kubectl")), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # it warns of what is deprecated
    return done.stdout


@cache
def rendered(overlay: str) -> str:
    """Return an overlay, or the one for production with components, as YAML."""
    folder = CHECKOUT / "k8s" / "overlays"
    if (folder / overlay).is_dir():
        return kustomize(folder / overlay)
    with TemporaryDirectory() as temporary:
        copy = Path(temporary) / "k8s"
        shutil.copytree(CHECKOUT / "k8s", copy)
        production = copy / "overlays" / "production"
        with (production / "kustomization.yaml").open("a") as file:
            file.write("components:\n")
            file.writelines(f"  - ../../components/{each}\n" for each in overlay.split())
        return kustomize(production)


@cache
def manifests(overlay: str) -> Manifests:
    """Return the objects of an overlay."""
    done = subprocess.run(
        [outside("kubernetes", "python"), "-c", TO_JSON],
        input=rendered(overlay),
        capture_output=True,
        text=True,
        check=True,
    )
    return Manifests(json.loads(done.stdout))
