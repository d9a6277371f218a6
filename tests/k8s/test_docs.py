"""docs/kubernetes.md names what is there."""

import re

from tests.support.live import CHECKOUT
from tests.support.manifests import manifests
from tests.support.stack import VERSION

PAGE = (CHECKOUT / "docs" / "kubernetes.md").read_text()
COMMANDS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)


def test_ten_commands_suffice() -> None:
    first = COMMANDS[0].strip().splitlines()
    assert len(first) <= 10
    assert "kubectl apply -k k8s/overlays/local" in first
    loaded = next(command for command in first if "kind load" in command)
    for pods in manifests("local").pods.values():
        for container in pods.containers:
            assert container["image"] in loaded.replace("$(cat VERSION)", VERSION)


def test_commands_name_objects_that_exist() -> None:
    found = manifests("cluster")
    kinds = {"statefulset": "StatefulSet", "job": "Job", "service": "Service"}
    kinds |= {"deployment": "Deployment"}
    named = re.findall(rf"\b({'|'.join(kinds)})[/ ]([a-z-]+)", "\n".join(COMMANDS))
    assert len(named) > 5
    for kind, name in named:
        assert name in found.of(kinds[kind])
    for path in re.findall(r"k8s/[\w./-]+", PAGE):
        assert (CHECKOUT / path).exists(), path
