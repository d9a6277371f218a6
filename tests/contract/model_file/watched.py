"""Load model files in this process, and tell what else happened meanwhile.

`python -m tests.contract.model_file.watched load FOLDER` loads each file of a folder and asks what
was loaded, if anything was. With `types` in place of `load` it is loaded by
skops alone, which looks at types: at whether all are on our list. A JSON object
is printed: for each file the error's class, its text, and the events. With
`alter FOLDER COUNT` so many altered files are made there and loaded.
"""

import json
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from sklearn.neighbors import KNeighborsClassifier

from service.contract.errors import ArtifactError
from service.contract.model_file import artifact
from service.contract.text import name_of
from service.features import AddRatio
from tests.contract.model_file import mutants
from tests.support.models import iris, penguins

QUIET = {"<unknown>"}  # what `ast.literal_eval` compiles: the header of an array
WATCHED = (
    "code.__new__",
    "compile",
    "ctypes.",
    "exec",
    "import",
    "marshal.",
    "open",
    "os.",
    "pickle.",
    "shutil.",
    "socket.",
    "subprocess.",
    "webbrowser.",
)

events: list[str] = []
watching: Path | None = None


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Note what a model file has no reason to do."""
    if watching is None or not event.startswith(WATCHED):
        return
    if event == "open" and arguments[0] == str(watching):
        return
    if event == "compile" and arguments[1] in QUIET:
        return
    events.append(f"{event} {str(arguments)[:100]}")


def warm_up() -> None:
    """Let what is imported at the first use be imported before anybody looks."""
    near = KNeighborsClassifier(algorithm="brute").fit(iris().X, iris().y)
    for trained in (iris(), penguins(), replace(iris(), estimator=near)):
        estimator = artifact.loads(artifact.dumps(trained.estimator))
        estimator.predict(trained.X.head(2))
        str(trained.X), repr(estimator)  # as a message might say it
    for content in (b"", skops.io.dumps([lambda: 1]), skops.io.dumps({"x": AddRatio})):
        with suppress(ArtifactError):
            artifact.loads(content)


def ask(estimator: Any) -> None:
    """Ask as the API does; what the estimator answers does not matter here."""
    for table in (iris().X.head(2), pd.Series([os.devnull] * 2), [os.devnull] * 2):
        for method in ("predict", "predict_proba", "transform"):
            try:
                getattr(estimator, method)(table)
            except Exception:
                continue


def watch(file: Path, how: str) -> dict[str, Any]:
    global watching
    events.clear()
    watching = file
    error = text = None
    try:
        if how == "load":
            estimator = artifact.load(file)
        else:
            estimator = skops.io.load(file, trusted=[*artifact.ALLOWED, name_of(AddRatio)])
        ask(estimator)
    except Exception as caught:
        error, text = type(caught).__name__, str(caught)
    watching = None
    return {"error": error, "text": text, "events": [*events]}


def alter(folder: Path, count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Load altered files, one after the other."""
    dice, originals = Random(0), mutants.originals()
    for content in originals:
        artifact.loads(content)
    file = folder / "altered.skops"
    for number in range(count):
        file.write_bytes(mutants.altered(dice.choice(originals), dice))
        yield str(number), watch(file, "load")


def main(how: str, folder: Path, count: str = "0") -> None:
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    warm_up()
    sys.addaudithook(hook)
    if how == "alter":
        seen = dict(alter(folder, int(count)))
    else:
        seen = {file.stem: watch(file, how) for file in sorted(folder.iterdir())}
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
