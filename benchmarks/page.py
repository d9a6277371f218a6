"""Page: docs/benchmarks.md, in which each part has a place that is written anew."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.support.live import CHECKOUT

FILE = CHECKOUT / "docs" / "benchmarks.md"
LAST = "<!-- end -->"
LIBRARIES = ("scikit-learn", "numpy", "pandas", "fastapi", "uvicorn", "treelite")


def first(name: str) -> str:
    """Return the line before what a part wrote.

    >>> first("memory")
    '<!-- made by `python -m benchmarks --write memory` -->'
    """
    return f"<!-- made by `python -m benchmarks --write {name}` -->"


def keep(name: str, lines: list[str], file: Path = FILE) -> None:
    """Write the lines of a part into its place, with the machine and the day."""
    before, there, rest = file.read_text().partition(first(name))
    if not there:
        raise ValueError(f"{file.name} has no line {first(name)}; add it, and {LAST} below it.")
    _, _, after = rest.partition(LAST)
    content = "\n".join([there, "", *lines, "", f"{measured_on()}", "", LAST])
    file.write_text(f"{before}{content}{after}")


def measured_on() -> str:
    """Say on what was measured, and when."""
    ours = (CHECKOUT / "VERSION").read_text().strip()
    cpu = Path("/proc/cpuinfo").read_text().split("model name\t: ")[1].splitlines()[0]
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"*{ours}, {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores ({cpu}), "
        f"Python {platform.python_version()}, {libraries}.*"
    )
