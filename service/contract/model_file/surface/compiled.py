"""Compiled classes of scikit-learn that a model file may hold, and what their state consists of.

Their `__setstate__` reads the entries of a tuple without looking how many there are.
"""

from sklearn._loss import _loss
from sklearn.linear_model import _sgd_fast
from sklearn.metrics import _dist_metrics
from sklearn.neighbors import BallTree, KDTree

from service.contract.text import name_of

ARRAY, FUNCTION, VALUE = {"NdArrayNode"}, {"FunctionNode", "PartialNode"}, {"JsonNode"}
# The loaders of a state's entries.
OF_A_DISTANCE = [VALUE, ARRAY, ARRAY]
OF_A_CALLING_DISTANCE = [*OF_A_DISTANCE, FUNCTION, {"DictNode"}]
OF_NEIGHBOURS = [*[ARRAY] * 4, *[VALUE] * 7, {"ObjectNode"}, ARRAY | VALUE]


def states() -> dict[str, list[set[str]]]:
    """Return the loaders of each entry of a state, by class: neighbour trees and distances.

    Examples
    --------
    >>> len(states()["sklearn.metrics._dist_metrics.HaversineDistance64"])
    3
    """
    found = {name_of(KDTree): OF_NEIGHBOURS, name_of(BallTree): OF_NEIGHBOURS}
    bases = (_dist_metrics.DistanceMetric64, _dist_metrics.DistanceMetric32)
    for each in vars(_dist_metrics).values():
        if isinstance(each, type) and issubclass(each, bases) and each not in bases:
            calls = each.__name__.startswith("PyFunc")
            found[name_of(each)] = OF_A_CALLING_DISTANCE if calls else OF_A_DISTANCE
    return found


def losses() -> frozenset[str]:
    """Return the names of the losses; they are made from one number or none.

    Examples
    --------
    >>> "sklearn.linear_model._sgd_fast.Hinge" in losses()
    True
    """
    return frozenset(
        name_of(each)
        for module in (_loss, _sgd_fast)
        for each in vars(module).values()
        if isinstance(each, type)
        and each.__module__ == module.__name__
        and issubclass(each, _loss.CyLossFunction | _loss.CyHalfMultinomialLoss)
        and not each.__subclasses__()
    )
