"""The measurements: ``make bench``, or ``python -m benchmarks memory requests`` for some of them.

What is compared runs side by side, in one run. ``--write`` keeps the lines in docs/benchmarks.md.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks import page
from benchmarks.bench import Bench
from benchmarks.curve import FOLDER, Curve
from benchmarks.parts import PARTS


def main() -> None:
    """Measure the parts that are named, or all."""
    names = [part.name for part in PARTS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(names)}; all without any")
    parser.add_argument("--write", action="store_true", help="keep the figures in the page")
    parser.add_argument("--soak", action="store_true", help="also what takes an hour")
    parser.add_argument(
        "--trial", action="store_true", help="see if it runs; the figures say nothing"
    )
    asked = parser.parse_args()
    if unknown := [name for name in asked.parts if name not in names]:
        parser.error(f"{unknown[0]!r} is no part; pass some of {', '.join(names)}")
    if asked.trial and asked.write:
        parser.error("--trial measures too little to be written down; leave out one of the two")
    pictures = FOLDER if asked.write else Path(tempfile.mkdtemp())
    for part in PARTS:
        if asked.parts and part.name not in asked.parts:
            continue
        print(f"\n## {part.name}\n", flush=True)
        lines = []
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(Path(folder), soak=asked.soak)
            if asked.trial:
                bench = replace(bench, seconds=0.5, rounds=1, share=0.02)
            for line in part.lines(bench):
                if isinstance(line, Curve):
                    line.keep(pictures)
                    print(f"{pictures / line.name}.svg")
                print(line, flush=True)
                lines.append(str(line))
        if asked.write and lines:
            page.keep(part.name, lines)


if __name__ == "__main__":
    main()
