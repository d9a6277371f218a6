"""Model tree: what a model file describes, checked before any of it is built.

`schema.json` in the file is a tree of nodes. A node names its loader and a type, and skops calls
what the tree says: types to make keys of, constructors, `__setstate__`. So each node must be one
that we know, with nothing in it that we do not know, and at a place where it belongs.
"""

from service.contract.errors import ArtifactError
from service.contract.model_file.archive import Archive
from service.contract.model_file.inventory import Inventory
from service.contract.model_file.nodes import visit
from service.contract.model_file.place import ROOT
from service.contract.text import sentence


def check(archive: Archive) -> list[str]:
    """Check what a model file describes.

    Parameters
    ----------
    archive : Archive

    Returns
    -------
    names : list of str
        The types and functions in it.

    Raises
    ------
    ArtifactError
        Something in it is not on the allow-list, or is where it does not belong.

    Examples
    --------
    >>> import skops.io
    >>> from io import BytesIO
    >>> check(Archive(BytesIO(skops.io.dumps([1, "two"]))))
    ['builtins.list', 'builtins.str']
    >>> check(Archive(BytesIO(skops.io.dumps([lambda: 1]))))
    Traceback (most recent call last):
        ...
    service.contract.errors.ArtifactError: It needs service.contract.model_file.tree.<lambda>, ...
    """
    seen = Inventory(archive)
    visit(seen, archive.schema(), ROOT, 0)
    if seen.unlisted:
        names = sentence(", ".join(sorted(seen.unlisted)), longest=500)
        raise ArtifactError(
            f"It needs {names}, which is not on the allow-list. "
            "Define your own functions and classes in service/features.py and import them from "
            "there; list what comes from another library in service/trusted_types.py."
        )
    archive.check_all_used()
    return sorted(seen.names)
