"""Trusted: the user's own list of further types, in service/trusted_types.py.

It is imported late, so that an error in it does not stop the API.
"""

import importlib
import traceback

from service.contract.errors import ArtifactError
from service.contract.text import name_of

MODULE = "service.trusted_types"


def names() -> frozenset[str]:
    """Return the names of the types.

    Raises
    ------
    ArtifactError
        The file has an error.
    """
    try:
        listed = importlib.import_module(MODULE).TRUSTED
    except Exception as error:  # whatever the user's code raises
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise ArtifactError(
            f"service/trusted_types.py cannot be imported: {type(error).__name__}: {error} "
            f"({frame.filename}, line {frame.lineno}). Fix it; the API tries each edit at once."
        ) from error
    if isinstance(listed, str) or not all(isinstance(name, str) for name in listed):
        raise ArtifactError(
            f"TRUSTED in service/trusted_types.py is {listed!r}; names of classes are expected, "
            'such as ("category_encoders.target_encoder.TargetEncoder",).'
        )
    return frozenset(listed)


def holds(kind: type) -> bool:
    """Whether a class is on the list.

    Examples
    --------
    >>> holds(dict)
    False
    """
    return name_of(kind) in names()


def takes(owner: type, attribute: str) -> bool:
    """Whether a class is on the list, and an attribute would take no method's place in it."""
    members = [vars(base).get(attribute) for base in owner.__mro__]
    return holds(owner) and not any(hasattr(each, "__get__") for each in members)
