"""Keys: where in an object store a model's aliases and versions are.

::

    aliases/<name>.json                  what a folder has as <name>/aliases.json
    versions/<name>/<version>/<file>     the same files as in a folder

All aliases are below one prefix, so that one request lists them, with an ETag each: to poll is to
compare these.
"""

from typing import TYPE_CHECKING

from service.contract.model.checksums import SUMS
from service.contract.model.entries import NAME, NUMBER

if TYPE_CHECKING:
    from service.contract.objects.objects import Objects

ALIASES = "aliases/"

Files = dict[str, str]
"""The ETags of a version's objects, by their files' names."""


def aliases_of(name: str) -> str:
    """Return the key of a model's aliases.

    Examples
    --------
    >>> aliases_of("iris")
    'aliases/iris.json'
    """
    return f"{ALIASES}{name}.json"


def version_of(name: str, version: int) -> str:
    """Return what the keys of a version's files begin with.

    Examples
    --------
    >>> version_of("iris", 3)
    'versions/iris/3/'
    """
    return f"versions/{name}/{version}/"


def models(objects: "Objects") -> dict[str, str]:
    """List the models by name, each with the ETag of its aliases."""
    found = {}
    for entry in objects.list(ALIASES):
        name, dot, ending = entry.key.removeprefix(ALIASES).partition(".")
        if dot + ending == ".json" and NAME.fullmatch(name):
            found[name] = entry.etag
    return found


def files(objects: "Objects", name: str) -> dict[int, Files]:
    """List the files of all versions of a model, whole or not."""
    found: dict[int, Files] = {}
    prefix = f"versions/{name}/"
    for entry in objects.list(prefix):
        number, _, file = entry.key.removeprefix(prefix).partition("/")
        if NUMBER.fullmatch(number):
            found.setdefault(int(number), {})[file] = entry.etag
    return found


def whole(listed: dict[int, Files]) -> dict[int, str]:
    """Return the versions that are whole, each with the ETag of its `SHA256SUMS`.

    Examples
    --------
    >>> whole({1: {"manifest.json": "a", "SHA256SUMS": "b"}, 2: {"manifest.json": "c"}})
    {1: 'b'}
    """
    return {number: each[SUMS] for number, each in sorted(listed.items()) if SUMS in each}
