"""Versions: of the libraries that a model's types come from, on both sides."""

import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version

from service.contract.errors import ArtifactError, LabloopError
from service.contract.libraries import trusted

# The modules of models, and the packages that bring them; the first is how the library is called.
# XGBoost has several packages with one module.
PACKAGES: dict[str, tuple[str, ...]] = {
    "imblearn": ("imbalanced-learn",),
    "lightgbm": ("lightgbm",),
    "numpy": ("numpy",),
    "pandas": ("pandas",),
    "scipy": ("scipy",),
    "sklearn": ("scikit-learn",),
    "skops": ("skops",),
    "xgboost": ("xgboost", "xgboost-cpu"),
}
ALWAYS = ("numpy", "pandas", "sklearn", "skops")  # every model needs these


def of_types(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of the libraries that decide what a model predicts.

    Parameters
    ----------
    names : iterable of str
        Of the types in the model.

    Examples
    --------
    >>> sorted(of_types(["lightgbm.sklearn.LGBMClassifier", "builtins.dict"]))
    ['lightgbm', 'numpy', 'pandas', 'python', 'scikit-learn', 'skops']
    """
    modules = sorted({*ALWAYS, *(name.partition(".")[0] for name in names)})
    packages = [each[0] for each in map(_packages, modules) if each]
    return {"python": platform.python_version()} | here(packages)


def installed() -> dict[str, str]:
    """Return the versions of all libraries that a model may come from, as far as they are here.

    Examples
    --------
    >>> {"scikit-learn", "xgboost"} <= installed().keys()
    True
    """
    return of_types([*PACKAGES, *trusted.names()])


def here(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of some libraries, and of Python, as far as they are installed.

    Examples
    --------
    >>> [*here(["numpy", "no-such-library"])]
    ['numpy']
    """
    aliases = {each[0]: each for each in PACKAGES.values()}
    found = {}
    for name in names:
        if name == "python":
            found[name] = platform.python_version()
        for package in aliases.get(name, (name,)):
            with suppress(PackageNotFoundError):
                found.setdefault(name, _version(package))
    return found


_version = cache(version)


def difference(trained: Mapping[str, str], there: Mapping[str, str], who: str) -> str | None:
    """Say in which libraries a model's training differs from a side; None if in none.

    Parameters
    ----------
    trained : mapping of str to str
        As the manifest has them.
    there : mapping of str to str
        Of the side that loads the model.
    who : str
        That side.

    Examples
    --------
    >>> difference({"xgboost": "3.1.0"}, {"xgboost": "3.0.2"}, "the API")
    'trained with xgboost 3.1.0, the API has 3.0.2'
    """
    parts = [
        f"{'trained with ' * (number == 0)}{name} {trained[name]}, {who} has "
        f"{there.get(name, 'none')}"
        for number, name in enumerate(n for n in trained if there.get(n) != trained[n])
    ]
    return "; with ".join(parts) or None


@contextmanager
def told(trained: Mapping[str, str], who: str) -> Iterator[None]:
    """Refuse a model whose libraries are not here; where it fails, say which ones are others.

    Parameters
    ----------
    trained : mapping of str to str
        As the manifest has them.
    who : str
        The side that loads the model.

    Raises
    ------
    ArtifactError
        A library is missing, or the model fails and a library's version differs.
    """
    there = here(trained)
    if missing := [name for name in trained if name not in there]:
        name = missing[0]
        raise ArtifactError(
            f"It was trained with {name} {trained[name]}, which {who} does not have. Add {name} "
            "to pyproject.toml, run `make lock`, and rebuild: `docker compose up --build`; "
            "without Docker, `make down`, `make up`."
        )
    try:
        yield
    except Exception as error:  # whatever a library of another version raises
        if (differs := difference(trained, there, who)) is None:
            raise
        ours = isinstance(error, LabloopError)
        reason = str(error) if ours else f"{type(error).__name__}: {error}."
        raise ArtifactError(f"{reason} It was {differs}.") from error


def _packages(module: str) -> tuple[str, ...]:
    """Return the packages that bring a module; none for one of Python or of ours."""
    if module in PACKAGES or module in {"service", *sys.stdlib_module_names}:
        return PACKAGES.get(module, ())
    return tuple(_distributions().get(module, ()))


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()
