"""Opening: the place that a path or a URL names."""

from pathlib import Path

from service.contract.object_url import SCHEME, is_remote
from service.lab.score.places.folder import Folder
from service.lab.score.places.place import Place
from service.lab.score.places.prefix import Prefix


def place_at(path: str | Path) -> Place:
    """Return the place that a path names, or a URL of an object store.

    Examples
    --------
    >>> place_at("s3://bucket/scores/")
    Prefix(url='s3://bucket/scores')
    """
    name = str(path)
    if is_remote(name):
        return Prefix(SCHEME + name.removeprefix(SCHEME).rstrip("/"))
    return Folder(Path(path).absolute())
