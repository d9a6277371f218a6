"""The rooms of service/: who imports whom, how long a file is, how full a folder."""

import ast
from pathlib import Path

import pytest

from tests.support.live import CHECKOUT

# The rooms of each side, from the bottom up: one imports those of the levels below it alone. A file
# that stands beside the rooms is a room of its own; the contract's are one, at the bottom.
LEVELS: dict[str, list[set[str]]] = {
    "contract": [
        {""},
        {"signature", "libraries", "objects"},
        {"model"},
        {"model_file", "log"},
        {"predictors"},
    ],
    "api": [
        {"processes"},
        {"metrics"},
        {"edge", "log"},
        {"registry"},
        {"inference"},
        {"state"},
        {"rest", "v2", "page"},
        {"direct", "openapi"},
        {"app", "server"},
        {"worker"},
        {"__main__"},
    ],
    "lab": [
        {"client", "cluster"},
        {"publish", "log"},
        {"reports"},
        {"score"},
        {"doctor", "log_verbs", "model_tables"},
        {"report_verbs"},
        {"cluster_verbs"},
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


def test_every_room_says_its_purpose() -> None:
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
