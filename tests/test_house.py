"""What holds for the whole repository: packages, data, notebooks, docs."""

import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from tests.support.live import CHECKOUT
from tests.support.notebooks import FOLDER, NAMES
from tests.support.stack import debian_packages

SIDES = ("api", "lab")


def locked(file: str) -> dict[str, set[str]]:
    """Return the versions that a requirement file fixes; some differ from Python to Python."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9._-]+)==([^ ]+)", text(file), re.M):
        found.setdefault(name, set()).add(version)
    return found


def text(file: str) -> str:
    return (CHECKOUT / file).read_text()


def test_both_images_share_versions() -> None:
    api, lab = locked("requirements-api.txt"), locked("requirements-lab.txt")
    both = api.keys() & lab.keys()
    assert {"scikit-learn", "numpy", "pandas", "skops", "scipy"} <= both
    assert {name: api[name] for name in both} == {name: lab[name] for name in both}


def test_tests_use_the_image_versions() -> None:
    everything = locked("tests/requirements.txt")
    for side in ("api", "lab"):
        for name, versions in locked(f"requirements-{side}.txt").items():
            assert versions <= everything[name]


OUTSIDE = sorted(path.name for path in (CHECKOUT / "tests" / "outside").glob("*.txt"))


@pytest.mark.parametrize(
    "file",
    [
        "requirements-api.txt",
        "requirements-lab.txt",
        "tests/requirements.txt",
        *(f"tests/outside/{name}" for name in OUTSIDE),
    ],
)
def test_every_locked_package_has_hashes(file: str) -> None:
    packages = re.split(r"^(?=[a-z0-9])", text(file), flags=re.M)[1:]
    assert len(packages) >= len(locked(file)) > 0
    for package in packages:
        assert "--hash=sha256:" in package
    assert "://" not in text(file)


@pytest.mark.parametrize("side", ["api", "lab"])
def test_images_install_nothing_without_its_hash(side: str) -> None:
    commands = text(f"Dockerfile.{side}").replace("\\\n", "").splitlines()
    installs = [command for command in commands if "pip install" in command]
    assert installs
    for command in installs:
        assert command.count("pip install") == command.count("--require-hashes") == 1


def test_both_images_install_debian_packages() -> None:
    assert "libgomp1" in debian_packages()
    for name in debian_packages():
        assert re.fullmatch(r"[a-z0-9][a-z0-9+.-]+(=[A-Za-z0-9.+:~-]+)?", name), name
    assert "!debian-packages.txt\n" in text(".dockerignore")
    blocks = [block for side in SIDES for block in text(f"Dockerfile.{side}").split("\n\n")]
    installing = [block for block in blocks if "apt-get install" in block]
    listed, slimming = installing[:2]  # the second is thrown away with its stage
    assert installing == [listed, slimming] * 2
    assert "source=debian-packages.txt" in listed
    assert "binutils" in slimming
    for block in installing:
        assert "--no-install-recommends" in block


def test_raw_data_is_as_it_came() -> None:
    iris = pd.read_csv(CHECKOUT / "data" / "iris.csv")
    penguins = pd.read_csv(CHECKOUT / "data" / "penguins.csv")
    diamonds = pd.read_csv(CHECKOUT / "data" / "diamonds.csv")
    assert iris.shape == (150, 6)
    assert iris.isna().sum().sum() == 0
    assert iris["species"].value_counts().tolist() == [50, 50, 50]
    assert penguins.shape == (344, 8)
    assert penguins.isna().sum()[lambda missing: missing > 0].to_dict() == {
        "bill_length_mm": 2,
        "bill_depth_mm": 2,
        "flipper_length_mm": 2,
        "body_mass_g": 2,
        "sex": 11,
    }
    assert diamonds.shape == (53_940, 10)
    assert diamonds.isna().sum().sum() == 0
    assert diamonds.duplicated(diamonds.columns.drop("price")).sum() == 345
    assert (diamonds[["x", "y", "z"]] == 0).any(axis=1).sum() == 20
    assert penguins["species"].value_counts().to_dict() == {
        "Adelie": 152,
        "Gentoo": 124,
        "Chinstrap": 68,
    }


@pytest.mark.parametrize("name", NAMES)
def test_notebook_cells_are_short(name: str) -> None:
    cells = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells
    code = [cell.source.splitlines() for cell in cells if cell.cell_type == "code"]
    assert 10 <= len(code) <= 25
    assert max(map(len, code)) <= 15
    assert sorted(map(len, code))[len(code) // 2] <= 4


def test_the_changelog_has_this_version() -> None:
    version = text("VERSION").strip()
    assert f"## {version}" in text("CHANGELOG.md")


# Not the changelog, which names what was there once.
PAGES = [*CHECKOUT.glob("docs/*.md"), *CHECKOUT.glob("README*.md"), CHECKOUT / "CONTRIBUTING.md"]
PATHS = re.compile(r"(?<![\w./<>*…:-])(?:[\w.-]+/)*[\w-]+\.(?:py|md|svg|in|txt|yml|toml)\b(?!\.)")
FOLDERS = re.compile(
    r"(?<![\w./<>*-])(?:service|contract|api|lab|tests|start)/(?:[\w-]+/)*(?=`|\s)"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_in_the_docs_exist(page: Path) -> None:
    places = [page.parent, CHECKOUT, CHECKOUT / "service"]
    files = {path.name for side in ("service", "tests") for path in (CHECKOUT / side).rglob("*.py")}
    named = {*PATHS.findall(page.read_text()), *FOLDERS.findall(page.read_text())}
    missing = {path for path in named - files if not any((at / path).exists() for at in places)}
    assert missing == set()


def test_test_names_are_short() -> None:
    """Hold the names of tests to six words after `test_`."""
    files = sorted((CHECKOUT / "tests").rglob("test_*.py"))
    names = {
        name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(), re.M)
    }
    assert len(names) > 500
    assert {name for name in names if name.count("_") > 6} == set()
