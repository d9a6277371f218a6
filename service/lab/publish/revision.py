"""Revision: whether the code here is still that of its commit."""

from pathlib import Path

from service.contract import code_digest
from service.contract.build import Build
from service.contract.settings import CHECKOUT


def is_dirty(build: Build, code: Path = CHECKOUT / "service") -> bool | None:
    """Tell whether the code was edited after its commit; None if the commit is not known.

    A container has no git. So `make up` sets `CODE_DIGEST` to a digest of the commit's code, and
    the files are compared with it.

    Examples
    --------
    >>> is_dirty(Build()) is None
    True
    >>> is_dirty(Build(revision="0123456789ab", code_digest="of other code"))
    True
    """
    if not build.revision or not build.code_digest:
        return None
    return build.code_digest != digest(code)


def digest(code: Path) -> str:
    """Return the digest of a folder's Python files, as `start/up.py` computes it for a commit."""
    return code_digest.digest(
        (path, file.read_bytes())
        for file in code.rglob("*.py")
        if code_digest.counts(path := file.relative_to(code.parent).as_posix())
        and file.is_file()
        and not file.is_symlink()
    )
