"""Own code: service/features.py, where whoever trains writes classes and functions of their own.

It is imported late, because an edit with an error must not stop the API.
"""

import importlib
import traceback
from types import ModuleType

from service.contract.errors import ArtifactError

MODULE = "service.features"


def defines(name: str, kind: type) -> bool:
    """Say whether a class or a function is really defined there.

    Raises
    ------
    ArtifactError
        The file has an error; the text says which, and in which line.

    Examples
    --------
    >>> defines("service.features.AddRatio", type), defines("service.features.np", type)
    (True, False)
    """
    module, _, attribute = name.rpartition(".")
    if module != MODULE:
        return False
    found = getattr(_imported(), attribute, None)
    return isinstance(found, kind) and getattr(found, "__module__", None) == MODULE


def _imported() -> ModuleType:
    try:
        return importlib.import_module(MODULE)
    except Exception as error:  # whatever somebody has written there
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = (
            "" if isinstance(error, SyntaxError) else f" ({frame.filename}, line {frame.lineno})"
        )
        raise ArtifactError(
            f"service/features.py cannot be imported: {type(error).__name__}: {error}{where}. "
            "Mend it; an edit is tried at once."
        ) from error
