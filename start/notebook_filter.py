"""Return git a notebook as a person wrote it: git's clean filter for the notebooks of Labloop.

    python3 start/notebook_filter.py PATH < the working file

Running a notebook changes its outputs, and JupyterLab saves by itself. Git would call each such
notebook modified, and `git pull` would stop at it. So where every cell says what it says in the
index, git is given the committed bytes again. Where cells were edited, the others are given as
they were committed, so that `git diff` shows what was written and nothing else.

The working file is read and never changed. What is no notebook, or not in the index, is given to
git as it is. Only the standard library is used; `start/up.py` tells git of this program.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

# What tools leave behind in metadata, while something runs or is looked at.
LEFT_IN_CELL = {
    "ExecuteTime",
    "collapsed",
    "execution",
    "jupyter",
    "papermill",
    "scrolled",
    "trusted",
    "vscode",
}
LEFT_IN_NOTEBOOK = {"kernelspec", "language_info", "papermill", "signature", "vscode", "widgets"}
RESULTS = {"execution_count", "id", "outputs"}
FORMAT = ("nbformat", "nbformat_minor")

Json = dict[str, Any]


def committed(path: str) -> bytes | None:
    """Read a file from the index; None where it is new, or where a merge is not done yet."""
    done = subprocess.run(["git", "cat-file", "blob", f":0:{path}"], capture_output=True)
    return done.stdout if done.returncode == 0 else None


def cleaned(working: bytes, before: bytes) -> bytes:
    """Return the working file with the committed outputs.

    Raises
    ------
    ValueError, RecursionError
        One of the two is no notebook, or cannot be written as text.

    Examples
    --------
    >>> before = b'{"cells": [{"source": "x", "outputs": [], "metadata": {}}], "metadata": {}}'
    >>> ran = before.replace(b"[]", b"[1]")
    >>> cleaned(ran, before) == before
    True
    >>> json.loads(cleaned(ran.replace(b"x", b"y"), before))["cells"]
    [{'source': 'y', 'outputs': [1], 'metadata': {}}]
    """
    now, then = read(working), read(before)
    known = [(written(cell), cell) for cell in then["cells"]]
    own = kept(now["metadata"], LEFT_IN_NOTEBOOK)
    is_same = own == kept(then["metadata"], LEFT_IN_NOTEBOOK)
    if is_same and [written(cell) for cell in now["cells"]] == [text for text, _ in known]:
        return before
    if any(now.get(name) != then.get(name) for name in FORMAT):
        return working  # cells of both formats do not fit into one file
    cells = []
    for cell in now["cells"]:
        text = written(cell)
        same = [each for each in known if each[0] == text]
        # Of several that say the same, the one with the same id.
        match = min(same, key=lambda each: each[1].get("id") != cell.get("id"), default=None)
        if match is not None:
            known.remove(match)
        cells.append(cell if match is None else match[1])
    if not is_same:
        left = {key: value for key, value in then["metadata"].items() if key in LEFT_IN_NOTEBOOK}
        then["metadata"] = left | own
    text = json.dumps(then | {"cells": cells}, indent=1, ensure_ascii=False)
    text += "\n" if before.endswith(b"\n") else ""
    return text.replace("\n", "\r\n" if b"\r\n" in before else "\n").encode()


def read(text: bytes) -> Json:
    """Read a notebook; what is none is a ValueError."""
    notebook = json.loads(text)
    parts = [notebook]
    if isinstance(notebook, dict) and isinstance(notebook.get("cells"), list):
        parts += notebook["cells"]
        if all(isinstance(each, dict) and isinstance(each.get("metadata"), dict) for each in parts):
            return notebook
    raise ValueError("no notebook")


def written(cell: Json) -> str:
    """Return what a person wrote of a cell: its text, kind, tags and attachments."""
    source = cell.get("source", "")
    rest = {key: value for key, value in cell.items() if key not in RESULTS}
    rest["source"] = "".join(map(str, source)) if isinstance(source, list) else source
    rest["metadata"] = kept(cell["metadata"], LEFT_IN_CELL)
    return json.dumps(rest, sort_keys=True)


def kept(metadata: Json, left: set[str]) -> Json:
    """Return metadata without what tools left, and without what is empty, e.g. no tags."""
    return {k: v for k, v in metadata.items() if k not in left and v not in ([], {}, None)}


def seen(working: bytes, before: bytes) -> bytes:
    """Return what git is to see of a working file whose committed content is known."""
    try:
        return cleaned(working, before)
    except (ValueError, RecursionError):  # cut off, with the marks of a merge, no notebook at all
        return working


def main(path: str) -> None:
    """Read the working file, and write what git is to see of it."""
    working, before = sys.stdin.buffer.read(), committed(path)
    sys.stdout.buffer.write(working if before is None else seen(working, before))


if __name__ == "__main__":
    main(sys.argv[1])
