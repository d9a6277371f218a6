"""Own code: service/features.py, for classes and functions of the user's own.

It is imported late, so that an error in it does not stop the API.
"""

import importlib
import traceback
from types import ModuleType

from service.contract.errors import ArtifactError

MODULE = "service.features"


def defines(name: str, kind: type) -> bool:
    """Whether a class or a function is really defined there, not only imported.

    Raises
    ------
    ArtifactError
        The file has an error; the text says which one, and in which line.

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
    except Exception as error:  # whatever the user's code raises
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = (
            "" if isinstance(error, SyntaxError) else f" ({frame.filename}, line {frame.lineno})"
        )
        raise ArtifactError(
            f"service/features.py cannot be imported: {type(error).__name__}: {error}{where}. "
            "Fix it; the API tries each edit at once."
        ) from error
