"""Pods in Docker: containers that may, have and are asked what a manifest says."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.live import PLAIN
from tests.support.manifests import Document, Manifests, Pods
from tests.support.release import PREFIX, docker

Secrets = dict[str, dict[str, str]]

NETWORK = "labloop-test-pods"
# What Kubernetes would set beside the Services if service links were on.
LINK = "tcp://10.96.0.7:{port}"


class Cluster:
    """A network with the Services' names in it, a volume for each claim, and pods.

    Parameters
    ----------
    manifests : Manifests
    folder : Path
        For the files that a ConfigMap and a Secret become.
    image : str
        Makes the volumes what kubelet would make them.
    secrets : dict
        What each Secret holds. What `tokens` has, stands beside the settings, and goes before them.
    """

    def __init__(self, manifests: Manifests, folder: Path, image: str, secrets: Secrets) -> None:
        self.manifests = manifests
        self.image = image
        self.folder = folder
        self.settings = folder / "settings"
        self.secrets = secrets
        self._mount_settings({**manifests.settings, **secrets["tokens"]})

    def _mount_settings(self, values: dict[str, str]) -> None:
        """Make what a projected volume is: links to files in a hidden folder."""
        real = self.settings / "..2026_11_26"
        real.mkdir(parents=True)
        (self.settings / "..data").symlink_to(real.name)
        for name, value in values.items():
            (real / name).write_text(value)
            (self.settings / name).symlink_to(f"..data/{name}")
        self.settings.chmod(0o755)

    def _secret(self, wanted: Document) -> Path:
        """Make the files of a Secret, which belong to root and to fsGroup, as with kubelet."""
        place = self.folder / str(wanted["secretName"])
        place.mkdir(exist_ok=True)
        for name, value in self.secrets[place.name].items():
            file = place / name
            file.write_text(value)
            os.chown(file, 0, 1000)
            file.chmod(wanted["defaultMode"])
        place.chmod(0o755)
        return place

    @property
    def gateway(self) -> str:
        """The address of this machine in the network."""
        form = "--format={{(index .IPAM.Config 0).Gateway}}"
        return docker("network", "inspect", form, NETWORK).stdout.strip()

    def volume_of(self, claim: str) -> str:
        """Return a claim's volume; a new one belongs to root and to fsGroup, as with kubelet."""
        volume = f"{NETWORK}-{claim}"
        if not docker("volume", "ls", "--quiet", f"--filter=name=^{volume}$").stdout:
            docker("volume", "create", volume)
            own = ["--user=0", f"--volume={volume}:/volume", self.image]
            docker("run", "--rm", *own, "sh", "-c", "chgrp 1000 /volume && chmod 2775 /volume")
        return volume

    def links(self) -> dict[str, str]:
        """Return the variables that service links would add."""
        found = {}
        for name, service in self.manifests.of("Service").items():
            if service["spec"].get("clusterIP") != "None":
                port = service["spec"]["ports"][0]["port"]
                prefix = name.upper().replace("-", "_")
                found[f"{prefix}_PORT"] = LINK.format(port=port)
                found[f"{prefix}_SERVICE_HOST"] = "10.96.0.7"
                found[f"{prefix}_SERVICE_PORT"] = str(port)
        return found

    def options(self, pods: Pods, container: Document, pod: str) -> list[str]:
        """Return the options of `docker run` that say what the manifest says."""
        inside, outer = container["securityContext"], pods.spec["securityContext"]
        said = [f"--user={outer['runAsUser']}:{outer['runAsGroup']}"]
        said += [f"--group-add={outer['fsGroup']}"]
        said += [f"--cap-drop={each}" for each in inside["capabilities"]["drop"]]
        said += ["--read-only"] if inside["readOnlyRootFilesystem"] else []
        if not inside["allowPrivilegeEscalation"]:
            said += ["--security-opt=no-new-privileges"]
        memory = container["resources"]["limits"]["memory"].removesuffix("i").lower()
        said += [f"--memory={memory}", f"--memory-swap={memory}"]
        environment = {each["name"]: each["value"] for each in container.get("env", [])}
        for each in container.get("envFrom", []):
            environment |= self.secrets[each["secretRef"]["name"]]
        for name, value in {**self.links(), **environment}.items():
            said += [f"--env={name}={value}"]
        volumes = {each["name"]: each for each in pods.spec["volumes"]}
        for path, mount in pods.mounts(container).items():
            said += [self._mount(path, mount, volumes.get(mount["name"]), pod)]
        if "workingDir" in container:
            said += [f"--workdir={container['workingDir']}"]
        return said

    def _mount(self, path: str, mount: Document, volume: Document | None, pod: str) -> str:
        mode = ":ro" if mount.get("readOnly") else ""
        if volume is not None and "emptyDir" in volume:
            size = volume["emptyDir"]["sizeLimit"].removesuffix("i").lower()
            return f"--tmpfs={path}:exec,uid=1000,gid=1000,size={size}"
        if volume is not None and "projected" in volume:
            return f"--volume={self.settings}:{path}{mode}"
        if volume is not None and "secret" in volume:
            return f"--volume={self._secret(volume['secret'])}:{path}{mode}"
        # What is no volume of the pod's is a claim of its own, by a template.
        claim = volume["persistentVolumeClaim"]["claimName"] if volume else f"{mount['name']}-{pod}"
        source = self.volume_of(claim)
        if "subPath" in mount:
            place = docker("volume", "inspect", "--format={{.Mountpoint}}", source).stdout.strip()
            source = f"{place}/{mount['subPath']}"
        return f"--volume={source}:{path}{mode}"

    def run(self, name: str, number: int | None = None) -> str:
        """Run the containers of a pod, the first ones to their end; return the last one's name."""
        pods = self.manifests.pods[name]
        pod = name if number is None else f"{name}-{number}"
        for container in pods.spec.get("initContainers", []):
            docker("run", "--rm", "--network=none", *self._words(pods, container, pod))
        (container,) = pods.spec["containers"]
        services = self.manifests.of("Service")
        called = [each for each, service in services.items() if leads_to(service, pods)]
        aliases = [*called, *(f"{each}.labloop.svc.cluster.local" for each in called)]
        network = [f"--network={NETWORK}", *(f"--network-alias={each}" for each in aliases)]
        options = ["--detach", f"--name={NETWORK}-{pod}", f"--hostname={pod}", *network]
        docker("run", *options, *self._words(pods, container, pod))
        return f"{NETWORK}-{pod}"

    def _words(self, pods: Pods, container: Document, pod: str) -> list[str]:
        image = PREFIX + container["image"].rpartition("/")[2]
        options, command = self.options(pods, container, pod), container.get("command", [])
        if not command:
            return [*options, image]
        return [*options, f"--entrypoint={command[0]}", image, *command[1:]]


def leads_to(service: Document, pods: Pods) -> bool:
    return bool(service["spec"]["selector"].items() <= pods.labels.items())


def address(container: str) -> str:
    """Return a pod's IP, by which kubelet asks it."""
    form = "--format={{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return docker("inspect", form, container).stdout.strip()


def passes(container: str, probe: Document, ports: dict[str, int]) -> bool:
    """Ask as kubelet does: the pod's IP as Host, unless the probe names another."""
    asked = probe["httpGet"]
    url = f"http://{address(container)}:{ports[asked['port']]}{asked['path']}"
    headers = {each["name"]: each["value"] for each in asked.get("httpHeaders", [])}
    try:
        code = httpx.get(url, headers=headers, timeout=probe["timeoutSeconds"], **PLAIN).status_code
    except httpx.TransportError:
        return False
    return 200 <= code < 400


def state(container: str) -> dict[str, Any]:
    form = "--format={{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}"
    status, code, killed = docker("inspect", form, container).stdout.split()
    return {"status": status, "code": int(code), "killed": killed == "true"}


def said(container: str) -> str:
    done = docker("logs", container)
    return done.stdout + done.stderr


def end(container: str, seconds: int) -> float:
    """Stop a container as kubelet stops a pod; return how long it took."""
    began = time.monotonic()
    docker("stop", f"--time={seconds}", container)
    return time.monotonic() - began


@contextmanager
def cluster(manifests: Manifests, folder: Path, image: str, secrets: Secrets) -> Iterator[Cluster]:
    """Make a cluster, and leave nothing of it behind."""
    made = Cluster(manifests, folder, image, secrets)
    clear()
    docker("network", "create", NETWORK)
    try:
        yield made
    finally:
        clear()


def clear() -> None:
    """Remove what a cluster has made, also one that was interrupted."""
    named = f"--filter=name={NETWORK}"
    for kind in ("container", "volume", "network"):
        every = ["--all"] if kind == "container" else []
        for found in docker(kind, "ls", *every, "--quiet", named).stdout.split():
            docker(kind, "rm", *(["--force"] if every else []), found)
