"""What a validation hands over arrives as it was, and leaves the sender as it is sent."""

import multiprocessing
import pickle
import weakref
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from service.api.registry.handover import Parcel, receive
from tests.support.models import iris, penguins


def handed_over(value: Any) -> Any:
    ours, theirs = multiprocessing.Pipe(duplex=False)
    with ours, theirs:
        sender = Thread(target=Parcel(value).send, args=(theirs,))
        sender.start()
        received = receive(ours)
        sender.join()
    return received


@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeClassifier(),
        RandomForestClassifier(10),
        HistGradientBoostingClassifier(max_iter=5),
        KNeighborsClassifier(algorithm="kd_tree"),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_an_estimator_arrives_as_it_was(estimator: Any) -> None:
    X = iris().X
    again = handed_over(estimator.fit(X, iris().y))
    assert np.array_equal(again.predict_proba(X), estimator.predict_proba(X))


def test_a_pipeline_arrives_as_it_was() -> None:
    trained = penguins()
    again = handed_over(trained.estimator)
    assert np.array_equal(
        again.predict_proba(trained.X), trained.estimator.predict_proba(trained.X)
    )


def test_what_is_one_object_stays_one() -> None:
    tree = DecisionTreeClassifier().fit(iris().X, iris().y).tree_
    array = np.arange(1000.0)
    trees, arrays = handed_over(([tree, tree], [array, array]))
    assert trees[0] is trees[1]
    assert arrays[0] is arrays[1]


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_can_still_be_changed(order: Any) -> None:
    array = np.ones((300, 20), order=order)
    again = handed_over({"table": array, "part": array[::2, ::2]})
    again["table"] += 1
    again["part"] += 1
    assert np.array_equal(again["table"], array + 1)
    assert np.array_equal(again["part"], array[::2, ::2] + 1)


def test_what_was_sent_leaves_memory() -> None:
    arrays = [np.full(10**6, number) for number in range(3)]
    watched = [weakref.ref(array) for array in arrays]
    last, count = arrays[-1].nbytes, len(everything_sent(arrays))
    parcel = Parcel(arrays)
    del arrays
    ours, theirs = multiprocessing.Pipe(duplex=False)
    with ours, theirs:
        sender = Thread(target=parcel.send, args=(theirs,))
        assert all(each() is not None for each in watched)
        sender.start()
        with open(ours.fileno(), "rb", closefd=False) as pipe:
            pipe.read(count - last)
            assert [each() is None for each in watched] == [True, True, False]
            pipe.read(last)
        sender.join()
    assert watched[-1]() is None


def test_what_cannot_be_pickled_raises() -> None:
    with pytest.raises((pickle.PicklingError, AttributeError)):
        Parcel(RandomForestClassifier(class_weight=lambda: 1))


@pytest.mark.parametrize("sent", [0, 4, 2000, 10_000])
def test_a_sender_that_ends_is_noticed(sent: int) -> None:
    forest = RandomForestClassifier(5, random_state=0).fit(iris().X, iris().y)
    content = everything_sent(forest)
    assert len(content) > sent
    ours, theirs = multiprocessing.Pipe(duplex=False)
    with ours:
        with theirs, open(theirs.fileno(), "wb", closefd=False) as pipe:
            pipe.write(content[:sent])
        with pytest.raises(EOFError):
            receive(ours)


def everything_sent(value: Any) -> bytes:
    """Return the bytes that go through the pipe."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    with ours:
        sender = Thread(target=send_and_close, args=(value, theirs))
        sender.start()
        with open(ours.fileno(), "rb", closefd=False) as pipe:
            content = pipe.read()
        sender.join()
    return content


def send_and_close(value: Any, to: Connection) -> None:
    with to:
        Parcel(value).send(to)
