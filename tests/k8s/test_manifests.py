"""What schemas miss: names that must match, and values that must fit each other and the code."""

import re
from urllib.parse import urlsplit

import pytest

from service.contract.setting_sources import LAB_ONLY
from service.contract.settings import Settings
from tests.support.manifests import NAME, OVERLAYS, Document, Manifests, Pods, manifests
from tests.support.stack import VERSION

SETTINGS = {name.upper() for name in Settings.model_fields} | LAB_ONLY
UNITS = {"m": 1e-3, "": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
STOP_SECONDS = 7  # service/api/processes: for what has begun, and for the log


@pytest.fixture(params=OVERLAYS)
def found(request: pytest.FixtureRequest) -> Manifests:
    return manifests(request.param)


def amount(text: str) -> float:
    """Read a quantity.

    Examples
    --------
    >>> amount("250m"), amount("1Ki")
    (0.25, 1024.0)
    """
    match = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", text)
    assert match is not None, text
    return float(match[1]) * UNITS[match[2]]


def matches(selector: Document, labels: dict[str, str]) -> bool:
    """Whether a selector means a pod."""
    assert selector.keys() <= {"matchLabels", "matchExpressions"}
    plain = bool(selector.get("matchLabels", {}).items() <= labels.items())
    for each in selector.get("matchExpressions", []):
        assert each["operator"] == "In"
        plain = plain and labels.get(each["key"]) in each["values"]
    return plain


def chosen(found: Manifests, selector: Document) -> set[str]:
    """Return the names of the pods that a selector means."""
    return {name for name, pods in found.pods.items() if matches(selector, pods.labels)}


def has_cluster(found: Manifests) -> bool:
    return "DASK_SCHEDULER_ADDRESS" in found.settings


def ports_of(pods: Pods) -> dict[str, int]:
    ports = [port for each in pods.containers for port in each.get("ports", [])]
    assert len({port["name"] for port in ports}) == len(ports)
    return {port["name"]: port["containerPort"] for port in ports}


# Names.


def test_names_are_given_once(found: Manifests) -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in found.documents]
    assert len({*names}) == len(names)
    for kind, name in names:
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?", name), name
        place = found.of(kind)[name]["metadata"].get("namespace")
        assert place == (None if kind == "Namespace" else "labloop")
    for pods in found.pods.values():
        inside = [each["name"] for each in pods.containers]
        assert len({*inside}) == len(inside)
    assert [*found.of("Namespace")] == ["labloop"]


def test_selectors_mean_their_own_pods(found: Manifests) -> None:
    computing = {"scheduler", "worker"} if has_cluster(found) else set()
    assert found.pods.keys() == {"api", "lab", "train"} | computing
    assert found.of("Deployment").keys() == computing
    for name, each in found.of("Deployment").items():
        assert chosen(found, each["spec"]["selector"]) == {name}
    for name, each in found.of("StatefulSet").items():
        assert chosen(found, each["spec"]["selector"]) == {name}
        service = found.of("Service")[each["spec"]["serviceName"]]
        assert chosen(found, {"matchLabels": service["spec"]["selector"]}) == {name}
        for spread in each["spec"]["template"]["spec"].get("topologySpreadConstraints", []):
            assert chosen(found, spread["labelSelector"]) == {name}
    for each in found.of("PodDisruptionBudget").values():
        assert chosen(found, each["spec"]["selector"]) == {"api"}


def test_services_lead_to_ports(found: Manifests) -> None:
    wanted = {"api": ("api", 8000), "api-replicas": ("api", 8000), "lab": ("lab", 8888)}
    if has_cluster(found):
        spec = found.of("Service")["scheduler"]["spec"]
        assert chosen(found, {"matchLabels": spec["selector"]}) == {"scheduler"}
        ports = ports_of(found.pods["scheduler"])
        assert {port["port"]: ports[port["targetPort"]] for port in spec["ports"]} == {
            8786: 8786,
            8787: 8787,
        }
        assert urlsplit(found.settings["DASK_SCHEDULER_ADDRESS"]).netloc == "scheduler:8786"
    assert found.of("Service").keys() - {"scheduler"} == wanted.keys()
    for name, (target, number) in wanted.items():
        spec = found.of("Service")[name]["spec"]
        assert chosen(found, {"matchLabels": spec["selector"]}) == {target}
        assert [port["port"] for port in spec["ports"]] == [number]
        assert ports_of(found.pods[target])[spec["ports"][0]["targetPort"]] == number
    replicas = found.of("Service")["api-replicas"]["spec"]
    assert replicas["clusterIP"] == "None"
    assert replicas["publishNotReadyAddresses"] is True


def test_probes_ask_ports_that_exist(found: Manifests) -> None:
    for name in found.pods.keys() - {"train"}:
        (container,) = found.pods[name].spec["containers"]
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[kind]["httpGet"]["port"] in ports_of(found.pods[name])


def test_the_autoscaler_has_its_target(found: Manifests) -> None:
    scalers = [*found.of("HorizontalPodAutoscaler").values()]
    replicas = found.of("StatefulSet")["api"]["spec"].get("replicas")
    if not scalers:
        assert replicas == 2
        return
    assert replicas is None  # or each `apply` would undo its choice
    (scaler,) = scalers
    assert scaler["spec"]["scaleTargetRef"]["kind"] == "StatefulSet"
    assert scaler["spec"]["scaleTargetRef"]["name"] == "api"
    assert scaler["spec"]["minReplicas"] >= 2


def test_the_ingress_leads_to_services(found: Manifests) -> None:
    allowed = set(found.settings["ALLOWED_HOSTS"].split(","))
    for ingress in found.of("Ingress").values():
        hosts = {rule["host"] for rule in ingress["spec"]["rules"]}
        assert {host for each in ingress["spec"]["tls"] for host in each["hosts"]} == hosts
        assert hosts <= allowed
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                service = found.of("Service")[path["backend"]["service"]["name"]]
                ports = {port["name"] for port in service["spec"]["ports"]}
                assert path["backend"]["service"]["port"]["name"] in ports


# Volumes.


def test_every_mount_has_its_volume(found: Manifests) -> None:
    for pods in found.pods.values():
        volumes = [*[each["name"] for each in pods.spec["volumes"]], *pods.claims]
        assert len({*volumes}) == len(volumes)
        mounted = {
            mount["name"] for each in pods.containers for mount in each.get("volumeMounts", [])
        }
        assert mounted == {*volumes}


def test_what_volumes_name_exists(found: Manifests) -> None:
    for name, pods in found.pods.items():
        for volume in pods.spec["volumes"]:
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                assert claim in found.of("PersistentVolumeClaim")
            elif "projected" in volume:
                configured, *secrets = volume["projected"]["sources"]
                assert configured["configMap"]["name"] in found.of("ConfigMap")
                assert len(secrets) == (name not in ("scheduler", "worker"))  # these ask nobody
                for secret in secrets:
                    assert secret["secret"]["name"] == "tokens"
                    # Nobody else's start needs a Secret that is not in git.
                    assert secret["secret"]["optional"] is (not found.of("Ingress"))
            elif "secret" in volume:
                assert name in ("lab", "scheduler", "worker")
                assert volume["secret"]["secretName"] == volume["name"] == "cluster-tls"
                assert volume["secret"]["defaultMode"] == 0o440  # the pods' group reads it
            else:
                assert "sizeLimit" in volume["emptyDir"], volume
        (container,) = pods.spec["containers"]
        given = [each["secretRef"]["name"] for each in container.get("envFrom", [])]
        asks = "STORE_URL" in found.settings and name != "scheduler"
        assert given == (["object-store"] if asks else [])
    assert not found.of("Secret")


def test_claims_suit_the_nodes(found: Manifests) -> None:
    claims = found.of("PersistentVolumeClaim")
    computing = {"shared"} if has_cluster(found) else set()
    if "ARCHIVE_URL" in found.settings:  # a disk for each replica, and no shared one
        assert claims.keys() == computing
        assert found.pods["api"].claims == ["logs"]
        return
    assert claims.keys() == {"models", "logs"} | computing
    mode = "ReadWriteMany" if found.of("Ingress") else "ReadWriteOnce"
    for claim in claims.values():
        assert claim["spec"]["accessModes"] == [mode]
        assert ("storageClassName" in claim["spec"]) is bool(found.of("Ingress"))
    room = amount(claims["logs"]["spec"]["resources"]["requests"]["storage"])
    assert room > 1.5 * Settings().log_max_bytes


def test_each_side_mounts_as_designed(found: Manifests) -> None:
    designed = {
        "api": {"models": "r", "logs": "w"},
        "lab": {"models": "w", "logs": "r"},
        "train": {"models": "w"},
    }
    if has_cluster(found):
        designed["lab"]["shared"] = "w"
        designed["worker"] = {"models": "r", "shared": "w"}
        designed["scheduler"] = {}
        folder = found.settings["CLUSTER_TLS_DIR"]
        for name in ("lab", "worker", "scheduler"):
            (container,) = found.pods[name].spec["containers"]
            assert found.pods[name].mounts(container)[folder]["readOnly"] is True
        assert found.settings["LOG_COPY_DIR"].startswith("/labloop/data/shared/")
    if "STORE_URL" in found.settings:  # each pod has copies of its own
        designed["api"]["models"] = "w"
        del designed["lab"]["logs"]
        if has_cluster(found):
            designed["worker"]["models"] = "w"
    places = {name: f"/labloop/data/{name}" for name in ("models", "shared")}
    places["logs"] = "/labloop/logs"
    for name, wanted in designed.items():
        (container,) = found.pods[name].spec["containers"]
        mounts = found.pods[name].mounts(container)
        for claim, path in places.items():
            mount = mounts.get(path)
            mode = mount and ("r" if mount.get("readOnly") else "w")
            assert mode == wanted.get(claim), (name, path)
            assert mount is None or mount["name"] == claim
        assert mounts["/etc/labloop"]["readOnly"] is True
        written = {"/tmp"} if name in ("api", "scheduler") else {"/tmp", "/home/labloop"}
        assert {path for path, each in mounts.items() if each["name"] in ("tmp", "home")} == written


# Values.


def test_settings_are_those_of_the_code(found: Manifests) -> None:
    assert found.settings.keys() <= SETTINGS
    lower = {name.lower(): value for name, value in found.settings.items()}
    settings = Settings.model_validate(lower)  # and each value can be used
    assert {"api", "api.labloop", "api.labloop.svc", "api-replicas"} <= settings.hosts
    for pods in found.pods.values():
        for container in pods.spec["containers"]:
            given = {each["name"]: each["value"] for each in container["env"]}
            assert given == {"SETTINGS_DIR": "/etc/labloop"}
            assert "SETTINGS_DIR" not in found.settings


def test_images_carry_the_version(found: Manifests) -> None:
    for name, pods in found.pods.items():
        side = "api" if name == "api" else "lab"
        for container in pods.containers:
            assert container["image"].rpartition("/")[2] == f"labloop-{side}:{VERSION}"


def test_requests_stay_within_limits(found: Manifests) -> None:
    for pods in found.pods.values():
        for container in pods.containers:
            requests = container["resources"]["requests"]
            limits = container["resources"]["limits"]
            assert requests.keys() == {"cpu", "memory"}
            assert "memory" in limits
            for resource, limit in limits.items():
                assert amount(requests[resource]) <= amount(limit)


def test_a_pod_may_end_in_peace(found: Manifests) -> None:
    drain = float(found.settings["DRAIN_SECONDS"])
    spec = found.pods["api"].spec
    assert drain > 0
    assert spec["terminationGracePeriodSeconds"] > drain + STOP_SECONDS
    (container,) = spec["containers"]
    assert "lifecycle" not in container
    # Within the time that it goes on answering, it is found not to be ready.
    ready = container["readinessProbe"]
    assert ready["failureThreshold"] * (ready["periodSeconds"] + ready["timeoutSeconds"]) < drain


def test_liveness_waits_for_the_supervisor(found: Manifests) -> None:
    (container,) = found.pods["api"].spec["containers"]
    alive = container["livenessProbe"]
    assert alive["failureThreshold"] * alive["periodSeconds"] > Settings().answer_seconds


def test_pods_may_do_little(found: Manifests) -> None:
    namespace = found.of("Namespace")["labloop"]["metadata"]["labels"]
    for what in ("enforce", "audit", "warn"):
        assert namespace[f"pod-security.kubernetes.io/{what}"] == "restricted"
    for pods in found.pods.values():
        spec = pods.spec
        assert spec["enableServiceLinks"] is False
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "runAsGroup": 1000,
            "fsGroup": 1000,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        for container in pods.containers:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_the_job_can_be_applied_again(found: Manifests) -> None:
    job = found.of("Job")["train"]["spec"]
    assert job["ttlSecondsAfterFinished"] <= 600
    assert job["template"]["spec"]["restartPolicy"] == "OnFailure"


def test_prometheus_asks_with_the_token() -> None:
    found = manifests("prometheus")
    (monitor,) = found.of("ServiceMonitor").values()
    (endpoint,) = monitor["spec"]["endpoints"]
    selected = [
        name
        for name, each in found.of("Service").items()
        if matches(monitor["spec"]["selector"], each["metadata"]["labels"])
    ]
    assert selected == ["api-replicas"]
    assert endpoint["port"] in {
        p["name"] for p in found.of("Service")[selected[0]]["spec"]["ports"]
    }
    assert endpoint["authorization"]["credentials"] == {"name": "tokens", "key": "API_TOKEN"}
    assert "METRICS_FROM" not in found.settings


# Who may talk to whom.

Pair = tuple[str, str, int]
INSIDE = {("lab", "api", 8000), ("train", "api", 8000)}
COMPUTING = {
    ("lab", "scheduler", 8786),
    ("lab", "scheduler", 8787),
    ("worker", "scheduler", 8786),
    ("worker", "worker", 8788),
    ("scheduler", "worker", 8788),
    ("scheduler", "worker", 8789),
}
FROM_OUTSIDE = {
    "local": set(),
    "production": {("traefik", "api", 8000), ("traefik", "lab", 8888)},
    "object-store": {("traefik", "api", 8000), ("traefik", "lab", 8888)},
    "cluster": {("traefik", "api", 8000), ("traefik", "lab", 8888)},
    "cluster object-store": {("traefik", "api", 8000), ("traefik", "lab", 8888)},
    "prometheus": {
        ("traefik", "api", 8000),
        ("traefik", "lab", 8888),
        ("monitoring", "api", 8000),
    },
}


def peers(found: Manifests, peer: Document) -> set[str]:
    """Return the pods, or the namespace, that one side of a rule means."""
    if "podSelector" in peer:
        assert peer.keys() == {"podSelector"}
        return chosen(found, peer["podSelector"])
    if "ipBlock" in peer:
        assert peer["ipBlock"]["cidr"] == "0.0.0.0/0"
        return {"the internet"} if len(peer["ipBlock"]["except"]) == 3 else {"everywhere"}
    labels = peer["namespaceSelector"]["matchLabels"]
    assert labels.keys() == {"kubernetes.io/metadata.name"}
    return {*labels.values()}


def pairs(found: Manifests, policy: Document, way: str) -> set[Pair]:
    """Return who may talk to whom and where, by one policy in one direction."""
    one, many = ("ingress", "from") if way == "Ingress" else ("egress", "to")
    spec = policy["spec"]
    assert (one in spec) <= (way in spec["policyTypes"])
    allowed = set()
    for rule in spec.get(one, []):
        for peer in rule[many]:
            for other in peers(found, peer):
                for port in rule["ports"]:
                    for own in chosen(found, spec["podSelector"]):
                        ends = (other, own) if way == "Ingress" else (own, other)
                        allowed.add((*ends, int(port["port"])))
    return allowed


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_policies_allow_the_meant_pairs(overlay: str) -> None:
    found = manifests(overlay)
    policies = found.of("NetworkPolicy")
    nobody = policies["nobody"]["spec"]
    assert nobody == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    come, go = (
        set().union(*(pairs(found, each, way) for each in policies.values()))
        for way in ("Ingress", "Egress")
    )
    inside = INSIDE | COMPUTING if has_cluster(found) else INSIDE
    assert come == inside | FROM_OUTSIDE[overlay]
    names = {(name, "kube-system", 53) for name in found.pods}
    store = {(name, "the internet", 443) for name in found.pods}
    assert go == inside | names | (store if "STORE_URL" in found.settings else set())
    for _, target, port in come:
        assert port in ports_of(found.pods[target]).values()
    assert NAME in found.pods["api"].labels
