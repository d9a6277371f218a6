"""A version folder that was altered in any way never serves, and hurts no worker."""

import json
import pickle
import random
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeRegressor
from sklearn.utils import Bunch

from service.contract.errors import ArtifactError
from service.contract.model import checksums
from service.contract.model.manifest import BASELINE, GOLDEN, MANIFEST, MODEL
from service.contract.model.store import ModelStore
from service.contract.model_file import artifact
from service.lab.publish.publication import Publication
from tests.contract.model_file.crafted import CASES
from tests.support.live import LiveApi, running_api, wait_until
from tests.support.models import FLOWER, iris
from tests.support.soak import times

FILES = [MODEL, GOLDEN, BASELINE, MANIFEST, checksums.SUMS]
Mutation = Callable[[Path, random.Random], object]

# Damage that the checksums notice.


def flip_a_bit(folder: Path, dice: random.Random) -> None:
    file = folder / dice.choice(FILES)
    content = bytearray(file.read_bytes())
    content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    file.write_bytes(content)


def cut(folder: Path, dice: random.Random) -> None:
    file = folder / dice.choice(FILES)
    content = file.read_bytes()
    file.write_bytes(content[: dice.randrange(len(content))])


def remove(folder: Path, dice: random.Random) -> None:
    (folder / dice.choice(FILES)).unlink()


def swap(folder: Path, dice: random.Random) -> None:
    one, other = (folder / name for name in dice.sample(FILES, 2))
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


# Damage with checksums that fit it.


def with_sums(alter: Mutation) -> Mutation:
    def mutate(folder: Path, dice: random.Random) -> None:
        alter(folder, dice)
        checksums.write(folder)

    return mutate


class Trap:
    """Unpickling this leaves a file behind."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


def a_pickle(folder: Path, dice: random.Random) -> None:
    (folder / MODEL).write_bytes(pickle.dumps(Trap(folder.parent.parent / "trace")))


def cut_model(folder: Path, dice: random.Random) -> None:
    content = (folder / MODEL).read_bytes()
    (folder / MODEL).write_bytes(content[: dice.randrange(len(content))])


def a_model_of_another_kind(folder: Path, dice: random.Random) -> None:
    X, y = iris().X, iris().y
    wrong = RandomForestClassifier(20, random_state=0).fit(X, 2 - y)
    (folder / MODEL).write_bytes(artifact.dumps(wrong))


def another_signature(folder: Path, dice: random.Random) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    features = manifest["signature"]["features"]
    change = dice.choice(["rename", "drop", "reverse", "kind", "twice", "garbage"])
    if change == "rename":
        dice.choice(features)["name"] = "other"
    elif change == "drop":
        features.pop(dice.randrange(4))
    elif change == "reverse":
        features.reverse()
    elif change == "kind":
        dice.choice(features).update(kind=dice.choice(["integer", "boolean", "category"]))
    elif change == "twice":
        features.append(dice.choice(features))
    else:
        manifest["signature"] = dice.choice([None, [], {"features": 7}])
    (folder / MANIFEST).write_text(json.dumps(manifest))


def read(folder: Path) -> Any:
    file = folder / MODEL
    return skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file))


def alter_a_tree(folder: Path, dice: random.Random) -> None:
    """Change one index of one node of one tree: a child, or a feature of an inner node."""
    forest = read(folder)
    tree = dice.choice(forest.estimators_).tree_
    node = dice.choice(np.flatnonzero(tree.children_left != -1).tolist())
    field = dice.choice(["children_left", "children_right", "feature"])
    index = getattr(tree, field)
    if field == "feature":
        index[node] = dice.choice([-1, 4, 1000, 2**40, -(2**40)])
    else:
        others = {-(2**40), -1, 0, node, tree.node_count, 2**40, dice.randrange(tree.node_count)}
        index[node] = dice.choice(sorted(others - {int(index[node])}))
    (folder / MODEL).write_bytes(artifact.dumps(forest))


def alter_a_histogram_tree(folder: Path, dice: random.Random) -> None:
    """Put a boosting model in place whose nodes lead astray."""
    boosting = HistGradientBoostingClassifier(max_iter=3, random_state=0).fit(iris().X, iris().y)
    nodes = boosting._predictors[dice.randrange(3)][dice.randrange(3)].nodes
    assert nodes.dtype == PREDICTOR_RECORD_DTYPE
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    nodes[dice.choice(["left", "right"])][dice.choice(inner.tolist())] = dice.choice([0, 2**31])
    (folder / MODEL).write_bytes(artifact.dumps(boosting))


def alter_neighbours(folder: Path, dice: random.Random) -> None:
    """Put a neighbours model in place whose tree points outside of its points."""
    near = KNeighborsClassifier(algorithm="kd_tree", leaf_size=5).fit(iris().X, iris().y)
    state = [*near._tree.__getstate__()]
    if dice.random() < 0.5:
        state[1][dice.randrange(150)] = dice.choice([-(2**40), 150, 2**40])
    else:
        state[2]["idx_end"][dice.randrange(len(state[2]))] = 2**40
    near._tree.__setstate__(tuple(state))
    (folder / MODEL).write_bytes(artifact.dumps(near))


MUTATIONS: dict[str, Mutation] = {
    "bit": flip_a_bit,
    "cut": cut,
    "missing": remove,
    "swapped": swap,
    "pickle": with_sums(a_pickle),
    "cut model": with_sums(cut_model),
    "other model": with_sums(a_model_of_another_kind),
    "signature": with_sums(another_signature),
    "tree": with_sums(alter_a_tree),
    "histogram tree": with_sums(alter_a_histogram_tree),
    "neighbours": with_sums(alter_neighbours),
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with running_api(tmp_path_factory.mktemp("api")) as api:
        yield api


@pytest.mark.parametrize("kind", MUTATIONS)
def test_what_was_altered_never_serves(api: LiveApi, kind: str) -> None:
    name, dice = kind.replace(" ", "-"), random.Random(0)
    store, trained = ModelStore(api.models), iris()
    publication = Publication(name, trained.estimator, trained.X, trained.y)
    publication.write(store, {}, None, {})
    store.promote(name, 1)
    good, pid = store.folder(name, 1), api.worker

    with api.http() as http:

        def about() -> dict[str, Any]:
            found: dict[str, Any] = http.get(f"/models/{name}").json()
            return found

        wait_until(lambda: http.get(f"/models/{name}").is_success and about()["live"], "version 1")
        for version in range(2, ceil(times(2000, 44) / len(MUTATIONS)) + 2):
            folder = api.models / name / str(version)
            shutil.copytree(good, api.models / name / ".mutant")
            MUTATIONS[kind](api.models / name / ".mutant", dice)
            (api.models / name / ".mutant").rename(folder)
            store.promote(name, version)
            wait_until(partial(refused, about, version), f"a verdict on {version}", 90)
            assert about()["live"]["version"] == 1, about()
            response = http.get(f"/models/{name}/predict", params=FLOWER)
            assert response.json() == {"prediction": 0}
            assert response.headers["X-Model-Version"] == "1"
        assert [worker["pid"] for worker in about()["workers"]] == [pid]
    assert api.process.poll() is None
    assert not (api.models / "trace").exists()


def wide() -> DecisionTreeClassifier:
    """Return a tree that looks at column 2,999 of a table of 4."""
    X = np.zeros((150, 3000))
    X[:, 2999] = iris().X["petal_width"]
    return DecisionTreeClassifier(max_depth=2).fit(X, iris().y)


def tree_without_a_width() -> Any:
    tree = wide()
    del tree.n_features_in_
    y = np.column_stack([iris().y, iris().y])
    several = MultiOutputClassifier(DecisionTreeClassifier(max_depth=1)).fit(iris().X, y)
    several.estimators_, several.n_features_in_ = [tree, tree], 3000
    return several


def tree_that_two_share() -> Any:
    narrow = DecisionTreeClassifier(max_depth=1).fit(iris().X, iris().y)
    other = wide()
    narrow.tree_ = other.tree_
    voting = VotingClassifier([("tree", narrow)]).fit(iris().X, iris().y)
    voting.estimators_, voting.named_estimators_ = [narrow], Bunch(other=other)
    return voting


def forest_that_shares_a_tree() -> Any:
    other = wide()
    forest = RandomForestClassifier(1).fit(iris().X, iris().y)
    forest.estimators_ = [other]
    voting = VotingClassifier([("forest", forest)]).fit(iris().X, iris().y)
    voting.estimators_, voting.named_estimators_ = [forest], Bunch(other=other)
    return voting


def isolated_tree_of_another_width() -> Any:
    forest = IsolationForest(n_estimators=1).fit(iris().X)
    X = np.zeros((150, 3000))
    X[:, 2999] = np.arange(150)
    forest.estimators_ = [ExtraTreeRegressor(max_depth=1, max_features=3000).fit(X, np.arange(150))]
    return forest


@pytest.mark.parametrize(
    "make",
    [
        tree_without_a_width,
        tree_that_two_share,
        forest_that_shares_a_tree,
        isolated_tree_of_another_width,
    ],
    ids=lambda make: make.__name__,
)
def test_a_tree_looks_at_no_absent_column(make: Callable[[], Any]) -> None:
    with pytest.raises(ArtifactError, match="is damaged: an index"):
        artifact.loads(artifact.dumps(make()))


def test_trees_inside_of_others_may_be_wider() -> None:
    first = make_pipeline(PolynomialFeatures(3), DecisionTreeRegressor(random_state=0))
    boosting = GradientBoostingRegressor(init=first, n_estimators=2, random_state=0)
    columns = IsolationForest(n_estimators=3, max_features=2, random_state=0).fit(iris().X)
    for estimator in (boosting.fit(iris().X, iris().y), columns):
        again = artifact.loads(artifact.dumps(estimator))
        assert np.array_equal(again.predict(iris().X), estimator.predict(iris().X))


def test_an_odd_name_hides_no_other_model(api: LiveApi) -> None:
    store, trained = ModelStore(api.models), iris()
    for name in ("good", "odd"):
        publication = Publication(name, trained.estimator, trained.X, trained.y)
        folder = store.folder(name, publication.write(store, {}, None, {}))
        if name == "odd":
            (folder / MODEL).write_bytes(CASES["name_of_half_a_character"].make(""))
            checksums.write(folder)
        store.promote(name, 1)

    def shown() -> dict[str, Any]:
        response = http.get("/models")
        assert response.status_code == 200, response.text
        return {each["name"]: each for each in response.json()["models"]}

    with api.http() as http:
        wait_until(lambda: "odd" in shown() and shown()["odd"]["refused"], "a verdict")
        wait_until(lambda: shown()["good"]["live"], "the good one")


def refused(about: Callable[[], dict[str, Any]], version: int) -> bool:
    return version in [refusal["version"] for refusal in about()["refused"]]
