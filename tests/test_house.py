"""The rules of the house, held by tests."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from tests.support.live import CHECKOUT
from tests.support.notebooks import FOLDER, NAMES
from tests.support.stack import debian_packages

LAB_ONLY = [
    "duckdb",
    "httpx",
    "ipywidgets",
    "jupyter_server",
    "jupyterlab",
    "matplotlib",
    "papermill",
    "tqdm",
]
API_ONLY = ["fastapi", "fastapi_offline", "prometheus_client", "starlette", "uvicorn", "watchfiles"]

SIDES = ("api", "lab")
WALLS = {
    "service.contract": ["service.api", "service.lab", *LAB_ONLY, *API_ONLY],
    "service.features": ["service.api", "service.lab", *LAB_ONLY, *API_ONLY],
    "service.api": ["service.lab", *LAB_ONLY],
    "service.lab": ["service.api", *API_ONLY],
}

IMPORT_ALL = """
import importlib, pkgutil, sys
room, *blocked = sys.argv[1:]
class Wall:
    def find_spec(self, name, path=None, target=None):
        if any(name == b or name.startswith(b + ".") for b in blocked):
            raise ImportError(f"{room} imports {name}")
sys.meta_path.insert(0, Wall())
module = importlib.import_module(room)
for found in pkgutil.walk_packages(getattr(module, "__path__", []), room + "."):
    importlib.import_module(found.name)
"""


@pytest.mark.parametrize("room", WALLS)
def test_a_room_imports_without_the_packages_of_the_other(room: str) -> None:
    command = [sys.executable, "-c", IMPORT_ALL, room, *WALLS[room]]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def locked(file: str) -> dict[str, set[str]]:
    """Return the versions that a requirement file fixes; some differ from Python to Python."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9._-]+)==([^ ]+)", text(file), re.M):
        found.setdefault(name, set()).add(version)
    return found


def text(file: str) -> str:
    return (CHECKOUT / file).read_text()


def test_both_images_have_the_same_version_of_what_they_share() -> None:
    api, lab = locked("requirements-api.txt"), locked("requirements-lab.txt")
    both = api.keys() & lab.keys()
    assert {"scikit-learn", "numpy", "pandas", "skops", "scipy"} <= both
    assert {name: api[name] for name in both} == {name: lab[name] for name in both}


def test_the_tests_run_with_the_versions_of_the_images() -> None:
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
def test_every_locked_package_has_a_hash_and_comes_from_nowhere_in_particular(file: str) -> None:
    packages = re.split(r"^(?=[a-z0-9])", text(file), flags=re.M)[1:]
    assert len(packages) >= len(locked(file)) > 1
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


def test_debian_packages_are_names_and_both_images_install_them() -> None:
    assert "libgomp1" in debian_packages()
    for name in debian_packages():
        assert re.fullmatch(r"[a-z0-9][a-z0-9+.-]+(=[A-Za-z0-9.+:~-]+)?", name), name
    assert "!debian-packages.txt\n" in text(".dockerignore")
    blocks = [block for side in SIDES for block in text(f"Dockerfile.{side}").split("\n\n")]
    installing = [block for block in blocks if "apt-get install" in block]
    assert installing == [installing[0]] * 2
    assert "source=debian-packages.txt" in installing[0]
    assert "--no-install-recommends" in installing[0]


def test_raw_data_is_as_it_came() -> None:
    iris = pd.read_csv(CHECKOUT / "data" / "iris.csv")
    penguins = pd.read_csv(CHECKOUT / "data" / "penguins.csv")
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


# The rooms of each side, from the bottom up: one imports those of the levels below it alone. A file
# that stands beside the rooms is a room of its own; the contract's are one, at the bottom.
LEVELS: dict[str, list[set[str]]] = {
    "contract": [{""}, {"model"}, {"model_file", "log"}],
    "api": [
        {"processes"},
        {"metrics"},
        {"edge", "log", "predictors"},
        {"registry"},
        {"inference"},
        {"state"},
        {"rest", "v2", "page"},
        {"openapi"},
        {"app"},
        {"worker"},
        {"__main__"},
    ],
    "lab": [
        {"client"},
        {"publish", "log"},
        {"reports"},
        {"doctor", "log_verbs", "model_tables"},
        {"lab"},
        {"train"},
    ],
}
FILES = sorted((CHECKOUT / "service").rglob("*.py"))


def room_of(module: list[str]) -> tuple[str, str]:
    """Return the side of a module, and its room there."""
    side, *rest = [*module[1:], ""]
    if side == "contract":
        return side, rest[0] if len(rest) > 2 or (CHECKOUT / "/".join(module)).is_dir() else ""
    return side, rest[0]


def imports_of(file: Path) -> list[list[str]]:
    """List the modules of ours that a file imports."""
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("service."):
            module = str(node.module).split(".")
            for name in node.names:
                inner = CHECKOUT.joinpath(*module, name.name)
                is_module = inner.is_dir() or inner.with_suffix(".py").is_file()
                found.append([*module, name.name] if is_module else module)
    return found


@pytest.mark.parametrize("side", LEVELS)
def test_rooms_import_one_way(side: str) -> None:
    level = {room: number for number, rooms in enumerate(LEVELS[side]) for room in rooms}
    folders = {path.name for path in (CHECKOUT / "service" / side).iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} <= level.keys()
    wrong = []
    for file in FILES:
        own_side, own = room_of([*file.relative_to(CHECKOUT).with_suffix("").parts])
        if own_side != side or own == "__init__":
            continue
        for module in imports_of(file):
            other_side, other = room_of(module)
            if other_side == side and other != own and level[other] >= level[own]:
                wrong.append(f"{file.relative_to(CHECKOUT)} imports {'.'.join(module)}")
    assert wrong == []


def test_every_room_says_what_it_is_for() -> None:
    rooms = [file for file in FILES if file.name == "__init__.py"]
    assert len(rooms) > 20
    for room in rooms:
        said = ast.get_docstring(ast.parse(room.read_text())) or ""
        assert len(said.split()) >= 10, room
        if len(room.relative_to(CHECKOUT).parts) > 3:
            assert "mports" in said, room


def test_files_are_short_and_folders_small() -> None:
    lines = {str(file.relative_to(CHECKOUT)): file.read_text().count("\n") for file in FILES}
    assert {file: count for file, count in lines.items() if count > 300} == {}
    folders = {file.parent for file in FILES}
    full = {str(f): len([each for each in f.iterdir() if each.is_file()]) for f in folders}
    assert {folder: count for folder, count in full.items() if count > 12} == {}


SQL_CALLS = {"execute", "executemany", "sql", "query", "from_query", "view"}
# `lab.sql` and what it calls: that is the user's own.
OWN_SQL = {
    ("log_verbs.py", "log_reader.sql(self._log, query)"),
    ("reader.py", "database.execute(query)"),
}
FROM_OUTSIDE = ast.Attribute(ast.Name("outside"), "text")


def is_fixed(text: ast.expr, function: ast.AST) -> bool:
    """Whether nothing but constants, `quoted(...)` and `int(...)` makes up a text."""
    match text:
        case ast.Constant():
            return True
        case ast.Name(id=name) if name.isupper():
            return True
        case ast.Name(id=name):
            return all(is_fixed(value, function) for value in given(name, function))
        case ast.Call(func=ast.Name(id="quoted" | "int")):
            return True
        case ast.Call(func=ast.Attribute(attr="join", value=ast.Constant()), args=[parts]):
            return is_fixed(parts, function)
        case ast.JoinedStr(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            return all(is_fixed(part, function) for part in parts)
        case ast.ListComp(elt=part) | ast.GeneratorExp(elt=part) | ast.FormattedValue(value=part):
            return is_fixed(part, function)
    return False


def given(name: str, function: ast.AST) -> list[ast.expr]:
    """List what a function puts into a name; what it is given from outside is not fixed."""
    values: list[ast.expr] = []
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                values.append(value)
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=several)):
                pairs = zip(targets, several, strict=True)
                values += [v for t, v in pairs if isinstance(t, ast.Name) and t.id == name]
            case ast.AugAssign(target=ast.Name(id=target), value=value) if target == name:
                values.append(value)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=target), attr="append"), args=[value]
            ) if target == name:
                values.append(value)
            case ast.arg(arg=target) if target == name:
                values.append(FROM_OUTSIDE)
    return values or [FROM_OUTSIDE]


def sql_of(source: str) -> list[tuple[str, bool]]:
    """List the calls that take SQL, and whether their SQL is fixed."""
    found = []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in SQL_CALLS
                and node.args
            ):
                found.append((ast.unparse(node), is_fixed(node.args[0], function)))
    return found


def test_sql_is_made_of_constants_and_quoted_names() -> None:
    found = [
        (path.name, *call)
        for path in (CHECKOUT / "service").rglob("*.py")
        if "duckdb" in (source := path.read_text()).casefold()
        for call in sql_of(source)
    ]
    assert len(found) > 15
    assert {(file, call) for file, call, fixed in found if not fixed} == OWN_SQL


@pytest.mark.parametrize(
    "line",
    [
        'db.execute(f"SELECT {name}")',
        'db.sql("SELECT " + name)',
        'query = f"SELECT {quoted(name)} FROM {table}"; db.execute(query)',
        'parts = ["a"]; parts.append(name); db.execute(f"SELECT {\', \'.join(parts)}")',
        'db.execute("SELECT %s" % name)',
        'db.execute("SELECT {}".format(name))',
    ],
)
def test_sql_from_outside_is_seen(line: str) -> None:
    [(_, fixed)] = sql_of(f"def ask(db, name, table):\n    {line}")
    assert not fixed


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
