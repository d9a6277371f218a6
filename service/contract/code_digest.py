"""Code digest: of the Python files of a commit, for `make up`, and of the files that are here now.

It uses only the standard library, because `make up` imports it before anything is installed.
"""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path


def counts(path: str) -> bool:
    """Whether a file is code; hidden ones are not, since JupyterLab keeps copies in them.

    Examples
    --------
    >>> counts("service/features.py"), counts("service/.ipynb_checkpoints/features.py")
    (True, False)
    """
    return path.endswith(".py") and "/." not in path


def digest(files: Iterable[tuple[str, bytes]]) -> str:
    r"""Return the digest of files, each with path and content; line ends do not count.

    Examples
    --------
    >>> digest([("service/a.py", b"1\r\n")]) == digest([("service/a.py", b"1\n")])
    True
    """
    lines = []
    for path, content in files:
        plain = content.replace(b"\r\n", b"\n")
        lines.append(f"{path} {sha256(plain).hexdigest()}\n")
    return sha256("".join(sorted(lines)).encode()).hexdigest()


def of_folder(code: Path) -> str:
    """Return the digest of a folder's files, as they are now."""
    return digest(
        (path, file.read_bytes())
        for file in code.rglob("*.py")
        if counts(path := file.relative_to(code.parent).as_posix())
        and file.is_file()
        and not file.is_symlink()
    )
