"""APIs that serve from an object store: real processes, each with copies of its own."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from service.contract.errors import NotFoundError, NotPublishedError, RefusedError
from service.contract.model.manifest import MODEL
from service.lab import Lab
from service.lab.publish.publication import Publication
from tests.support.live import CHECKOUT, LiveApi, free_ports, running_api, wait_until
from tests.support.models import FLOWER, iris
from tests.support.s3 import S3, environment
from tests.support.s3_proxy import proxied

PAGE = (CHECKOUT / "docs" / "store.md").read_text()


@contextmanager
def serving(s3: S3, folder: Path, **more: str) -> Iterator[LiveApi]:
    """Run an API with copies of its own."""
    folder.mkdir(exist_ok=True)
    with running_api(folder, STORE_URL=s3.url, **s3.environment, **more) as api:
        yield api


def lab_of(s3: S3, folder: Path, api: LiveApi | None = None) -> Lab:
    """Make a lab with copies of its own."""
    where: dict[str, Any] = {"models_dir": folder / "copies", "log_copy_dir": folder / "log-copy"}
    where |= {"logs_dir": api.logs, "api_url": api.url} if api else {"logs_dir": folder / "logs"}
    with environment(s3.environment):
        return Lab(store_url=s3.url, **where)


def write(lab: Lab, seed: int = 0) -> int:
    """Write a version that no API is to serve yet."""
    trained = iris(seed)
    publication = Publication("iris", trained.estimator, trained.X, trained.y)
    return publication.write(lab._store)


def publish(lab: Lab, seed: int = 0) -> Any:
    trained = iris(seed)
    return lab.publish("iris", trained.estimator, trained.X, trained.y)


def shown(api: LiveApi, path: str = "/models") -> Any:
    with api.http() as http:
        return http.get(path).json()


def live_in(api: LiveApi) -> int | None:
    models = shown(api)["models"]
    return models[0]["live"]["version"] if models and models[0]["live"] else None


def serves(api: LiveApi, version: int) -> bool:
    return live_in(api) == version


def has(api: LiveApi, versions: list[int], copies: list[str]) -> bool:
    return shown(api, "/models/iris")["versions"] == versions and copied(api) == copies


def replaced(api: LiveApi, worker: int) -> bool:
    return worker not in api.workers and len(api.workers) == 2


def copied(api: LiveApi) -> list[str]:
    """List the versions that were copied, and what a fetch may have left."""
    home = api.models / "iris"
    return sorted(each.name for each in home.iterdir() if each.is_dir()) if home.exists() else []


def test_three_apis_follow_a_lab(s3: S3, tmp_path: Path) -> None:
    with ExitStack() as running:
        apis = [running.enter_context(serving(s3, tmp_path / str(n))) for n in range(3)]
        lab = lab_of(s3, tmp_path, apis[0])
        assert publish(lab).live
        assert publish(lab, seed=1).version == 2
        for api in apis:
            wait_until(partial(serves, api, 2), "each API to serve version 2")
            other = lab_of(s3, tmp_path, api)
            assert [*other.predict("iris", FLOWER, version=1)["prediction"]] == [0]
        assert lab.rollback("iris").version == 1
        lab.delete("iris", 2)
        for api in apis:
            wait_until(partial(serves, api, 1), "the version before")
            wait_until(partial(has, api, [1], ["1"]), "the deletion")
            with pytest.raises(
                NotFoundError, match=r"no version 2: it was deleted at .* published: 1"
            ):
                lab_of(s3, tmp_path, api).predict("iris", FLOWER, version=2)
        assert publish(lab).version == 3


def test_empty_api_starts_from_the_store(s3: S3, tmp_path: Path) -> None:
    lab = lab_of(s3, tmp_path)
    for seed in range(2):
        write(lab, seed)
    lab._store.promote("iris", 1)
    with serving(s3, tmp_path / "api") as api, api.http() as http:
        assert http.get("/health/ready").is_success  # as soon as it answers
        assert shown(api, "/models/iris")["versions"] == [1, 2]
        assert copied(api) == ["1"]
        assert http.get("/models/iris/versions/2").json()["version"] == 2
        assert copied(api) == ["1", "2"]
        manifest = (api.models / "iris" / "2" / "manifest.json").read_bytes()
        assert manifest == s3.objects().get("versions/iris/2/manifest.json").content
        for path in ("/v2/models/iris/versions/2/ready", "/v2/models/iris/versions/1"):
            assert http.get(path).is_success


def test_nothing_changed_costs_one_request(s3: S3, tmp_path: Path) -> None:
    lab = lab_of(s3, tmp_path)
    lab._store.promote("iris", write(lab))
    with (
        proxied(s3) as (through, traffic),
        serving(through, tmp_path / "api", API_WORKERS="2") as api,
    ):
        wait_until(
            lambda: [each["version"] for each in shown(api, "/models/iris")["workers"]] == [1, 1],
            "both",
        )
        seen = len(traffic.asked)

        def looks() -> list[str]:
            """List what was asked since; reports of workers are not a matter of the copies."""
            return [asked for asked in traffic.asked[seen:] if "replicas" not in asked]

        wait_until(lambda: len(looks()) >= 4, "four more looks")
        assert {asked.partition("&prefix=")[2] for asked in looks()} == {
            f"{s3.prefix}%2Faliases%2F"
        }


def documented(what: str) -> list[int]:
    """Return the numbers that the page says of something's requests."""
    (row,) = re.findall(rf"^\| [^|]*{what}[^|]* \|([^|]*)\|$", PAGE, re.M)
    return [int(number) for number in re.findall(r"\d+", row)]


def test_requests_are_as_documented(s3: S3, tmp_path: Path) -> None:
    with (
        proxied(s3) as (mine, of_lab),
        proxied(s3) as (theirs, of_api),
        serving(theirs, tmp_path / "api") as api,
    ):
        lab = lab_of(mine, tmp_path, api)
        publish(lab)

        def counted(verb: Callable[[], object]) -> int:
            seen = len(of_lab.asked)
            verb()
            return len(of_lab.asked) - seen

        seen = len(of_api.asked)
        assert [counted(lambda: publish(lab, 1))] == documented("lab.publish")
        change, fetch = documented("a change, in each API")
        asked = [each for each in of_api.asked[seen:] if "replicas" not in each]
        polls = [each for each in asked if each.endswith("aliases%2F")]
        # A version is added before it is live, and both are changes, seen as one or as two.
        changes = len(asked) - len(polls) - fetch
        assert changes in (change, 2 * change)
        assert [counted(lambda: lab.promote("iris", 1))] == documented("lab.promote")
        assert [counted(lambda: lab.rollback("iris"))] == documented("lab.rollback")
        lab.promote("iris", 2)
        assert [counted(lambda: lab.delete("iris", 1))] == documented("lab.delete")
        publish(lab)
        some, each = documented("lab.versions")
        assert counted(lambda: lab.versions("iris")) == some + 2 * each


@pytest.mark.parametrize("has_copies", [False, True], ids=["nothing copied", "copied before"])
def test_store_that_comes_back(s3: S3, tmp_path: Path, has_copies: bool) -> None:
    lab = lab_of(s3, tmp_path)
    lab._store.promote("iris", write(lab))
    if has_copies:
        with serving(s3, tmp_path / "api") as api:
            assert live_in(api) == 1
    (port,) = free_ports(1)
    away = replace(s3, endpoint=f"http://127.0.0.1:{port}")
    with serving(away, tmp_path / "api") as api, api.http() as http:
        problem = shown(api)["store_problem"]
        assert problem.startswith(f"The object store {s3.url} cannot be used: {away.endpoint} does")
        assert problem in api.output.read_text()
        ready = http.get("/health/ready")
        if has_copies:
            assert ready.is_success
            assert [*lab_of(s3, tmp_path, api).predict("iris", FLOWER)["prediction"]] == [0]
        else:
            assert ready.status_code == 503
            assert problem in ready.json()["error"]
        with proxied(s3, port):
            wait_until(lambda: shown(api)["store_problem"] is None, "the store to be seen")
            wait_until(lambda: http.get("/health/ready").is_success, "the API to be ready")
            assert publish(lab_of(s3, tmp_path, api), seed=1).live
            version = write(lab, seed=2)
            wait_until(lambda: version in shown(api, "/models/iris")["versions"], "one more")
        wait_until(lambda: shown(api)["store_problem"], "the store to be missed")
        assert live_in(api) == 2
        with pytest.raises(NotPublishedError, match=f"object store {s3.url} cannot be used"):
            lab_of(s3, tmp_path, api).predict("iris", FLOWER, version=version)


WRONG = {
    "credentials": (
        {"secret": "other"},
        r"does not accept the credentials (SignatureDoesNotMatch)",
    ),
    "bucket": ({"bucket": "no-such-bucket"}, "there is no such bucket (NoSuchBucket)"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_shown(s3: S3, tmp_path: Path, wrong: str) -> None:
    change, says = WRONG[wrong]
    other = replace(s3, **change)
    with serving(other, tmp_path / "api") as api, api.http() as http:
        assert says in shown(api)["store_problem"]
        ready = http.get("/health/ready")
        assert ready.status_code == 503
        assert says in ready.json()["error"]
        assert http.get("/health/live").is_success


def test_changed_object_is_not_served(s3: S3, tmp_path: Path) -> None:
    with serving(s3, tmp_path / "api") as api:
        lab = lab_of(s3, tmp_path, api)
        publish(lab)
        version = write(lab, seed=1)
        key = f"versions/iris/{version}/{MODEL}"
        s3.objects().put(key, s3.objects().get(f"versions/iris/1/{MODEL}").content)
        with pytest.raises(
            RefusedError, match=f"{s3.url}/{key} is not what was published.*serves on"
        ):
            lab.promote("iris", version)
        assert live_in(api) == 1
        assert copied(api) == ["1"]
        with pytest.raises(NotPublishedError, match=f"{key} is not what was published"):
            lab.predict("iris", FLOWER, version=version)
        assert [*lab.predict("iris", FLOWER)["prediction"]] == [0]
        assert publish(lab, seed=2).live


def test_another_worker_takes_over(s3: S3, tmp_path: Path) -> None:
    with serving(s3, tmp_path / "api", API_WORKERS="2") as api:
        lab = lab_of(s3, tmp_path, api)
        assert publish(lab).live
        wait_until(lambda: len(shown(api)["models"][0]["workers"]) == 2, "both workers")
        for seed in range(2):
            worker = api.workers[0]
            os.kill(worker, signal.SIGKILL)
            wait_until(partial(replaced, api, worker), "another worker")
            published = publish(lab, seed)
            assert published.live
            assert "stuck" not in str(published)  # nobody waits for who is dead


def test_apis_share_their_copies(s3: S3, tmp_path: Path) -> None:
    shared = str(tmp_path / "shared")
    with serving(s3, tmp_path / "second", MODELS_DIR=shared) as second:
        with serving(s3, tmp_path / "first", MODELS_DIR=shared) as first:
            lab = lab_of(s3, tmp_path, first)
            publish(lab)
            wait_until(partial(serves, second, 1), "both")
            os.kill(second.worker, signal.SIGKILL)  # which followed the store for both
            published = publish(lab, seed=1)
            assert published.live
            assert "stuck" not in str(published)
        assert publish(lab_of(s3, tmp_path, second), seed=2).live
    versions = {each.name for each in (tmp_path / "shared" / "iris").iterdir() if each.is_dir()}
    assert versions == {"1", "2", "3"}


def test_emptied_bucket_takes_models_away(s3: S3, tmp_path: Path) -> None:
    with serving(s3, tmp_path / "api") as api:
        lab = lab_of(s3, tmp_path, api)
        publish(lab)
        for entry in [*s3.objects().list("")]:
            s3.objects().delete(entry.key)
        wait_until(lambda: shown(api)["models"] == [], "the model to go")
        wait_until(lambda: not (api.models / "iris").exists(), "its copies to go")
        assert publish(lab_of(s3, tmp_path / "anew", api), seed=1).version == 1
        assert copied(api) == ["1"]


def test_damaged_aliases_serve_on(s3: S3, tmp_path: Path) -> None:
    with serving(s3, tmp_path / "api") as api:
        lab = lab_of(s3, tmp_path, api)
        publish(lab)
        s3.objects().put("aliases/iris.json", b"{")
        wait_until(lambda: shown(api, "/models/iris")["problem"], "the problem to be seen")
        assert live_in(api) == 1
        assert lab.promote("iris", 1).live
        assert shown(api, "/models/iris")["problem"] is None


def test_full_disk_of_copies_is_named(s3: S3, tmp_path: Path) -> None:
    with serving(s3, tmp_path / "api") as api:
        lab = lab_of(s3, tmp_path, api)
        publish(lab)
        (api.models / "iris" / "2").write_bytes(b"")  # something in the way of the next version
        version = write(lab, seed=1)
        lab._store.promote("iris", version)
        problem = wait_until(lambda: shown(api)["store_problem"], "the problem to be seen")
        assert problem.startswith("Model 'iris' could not be copied: ")
        assert live_in(api) == 1
        (api.models / "iris" / "2").unlink()
        wait_until(lambda: live_in(api) == 2, "the next version")
