"""The power of drift: how often a change is seen, by simulation; ``--write`` for docs/drift.md."""

import sys
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pandas as pd

from tests.lab.reports.drift.populations import POPULATIONS, Draw, Training, texts
from tests.support.live import CHECKOUT

ROWS, TRAINING, TRAININGS, WINDOWS = (20, 100, 300, 1000), 2000, 10, 10
FIRST, LAST = "<!-- power: made by `python -m benchmarks.drift_power --write` -->", "<!-- end -->"


def mixed(old: Draw, new: Draw, share: float) -> Draw:
    """Return rows of which a share is drawn anew."""

    def draw(random: np.random.Generator, rows: int) -> pd.Series:
        column = pd.Series(old(random, rows)).astype(object)
        changed = random.random(rows) < share
        return column.where(~changed, pd.Series(new(random, rows)).astype(object)).infer_objects()

    return draw


def constant(value: object) -> Draw:
    return lambda _, rows: pd.Series([value] * rows)


def changed(draw: Draw, change: Callable[[pd.Series], pd.Series]) -> Draw:
    return lambda random, rows: change(pd.Series(draw(random, rows)))


def later(days: int, times: pd.Series) -> pd.Series:
    return times + pd.Timedelta(days, "D")


def shifts() -> Iterator[tuple[str, str, Draw]]:
    """List changes: in words, of which population, and how its rows are drawn then."""
    normal, few = "number: normal", "category: few"
    _, number = POPULATIONS[normal]
    yield "number: nothing", normal, number
    for by in (0.25, 0.5, 1.0):
        yield (
            f"number: all are {by} standard deviations larger",
            normal,
            changed(number, partial(np.add, by)),
        )
    yield "number: they spread twice as much", normal, changed(number, lambda values: values * 2)
    for share in (0.1, 0.3):
        yield (
            f"number: {share:.0%} are missing, none were",
            normal,
            mixed(number, constant(np.nan), share),
        )
    yield (
        "number: around 1e9 ± 1e-6, a standard deviation larger",
        "number: near-equal large",
        changed(POPULATIONS["number: near-equal large"][1], partial(np.add, 1e-6)),
    )
    yield "number: a constant has another value", "number: constant", constant(1234.5679)
    for share in (0.65, 0.8):
        yield (
            f"boolean: {share:.0%} are true, 50% were",
            "boolean: fair",
            partial(lambda random, rows, share: random.random(rows) < share, share=share),
        )
    _, category = POPULATIONS[few]
    yield "category: nothing", few, category
    for share in (0.05, 0.2):
        yield (
            f"category: one of 3 from 10% to {0.1 + 0.9 * share:.0%}",
            few,
            mixed(category, constant("blue"), share),
        )
    for share in (0.05, 0.1, 0.2):
        yield f"category: {share:.0%} have a new one", few, mixed(category, constant("grey"), share)
    _, zones = POPULATIONS["category: zones"]
    yield "category of 3,600: nothing", "category: zones", zones
    yield (
        "category of 3,600: 20% are in one",
        "category: zones",
        mixed(zones, constant("17_4"), 0.2),
    )
    yield (
        "category of 3,600: all are new, half were",
        "category: zones",
        changed(zones, lambda values: "new " + values),
    )
    _, notes = POPULATIONS["text: notes"]
    yield "text: nothing", "text: notes", notes
    yield "text: a quarter longer", "text: notes", partial(texts, mean=15)
    yield "text: twice as long", "text: notes", partial(texts, mean=24)
    for share in (0.2, 0.5):
        yield (
            f"text: {share:.0%} are of another language",
            "text: notes",
            mixed(
                notes,
                changed(notes, lambda values: values.str.upper().str.replace("A", "ß")),
                share,
            ),
        )
        yield (
            f"text: {share:.0%} are about something else, in known words",
            "text: notes",
            mixed(notes, partial(texts, first=40), share),
        )
    _, year = POPULATIONS["datetime: a year"]
    for days in (30, 90, 365):
        yield (
            f"datetime: of a year, {days} days later",
            "datetime: a year",
            changed(year, partial(later, days)),
        )
    _, trips = POPULATIONS["timedelta: trips"]
    yield (
        "timedelta: half as long again",
        "timedelta: trips",
        changed(trips, lambda values: values * 1.5),
    )


def window_verdicts(
    population: str, draw: Draw, rows: int, trainings: int, windows: int, seed: int = 0
) -> list[str]:
    """Return the verdict on each window of so many rows, for each of several trainings."""
    kind, old = POPULATIONS[population]
    random = np.random.default_rng(seed)
    found = []
    for _ in range(trainings):
        training = Training(pd.DataFrame({"x": old(random, TRAINING)}), {"x": kind})
        for _ in range(windows):
            log = pd.DataFrame({"x": draw(random, rows)})
            found.append(str(training.measured(log).table.loc["x", "verdict"]))
    return found


def share_noticed(population: str, draw: Draw, rows: int) -> float:
    """Return in how many windows of so many rows the change is not called stable."""
    verdicts = window_verdicts(population, draw, rows, TRAININGS, WINDOWS)
    return 1 - verdicts.count("stable") / len(verdicts)


def table() -> list[str]:
    """Return the lines of the table."""
    lines = [
        "| what changes | " + " | ".join(f"{rows:,} rows" for rows in ROWS) + " |",
        "|---|" + "--:|" * len(ROWS),
    ]
    for words, population, draw in shifts():
        shares = [f"{share_noticed(population, draw, rows):.0%}" for rows in ROWS]
        lines.append(f"| {words} | {' | '.join(shares)} |".replace("%", " %"))
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Print the table; with ``--write`` put it into docs/drift.md."""
    lines = table()
    if "--write" in sys.argv:
        file = CHECKOUT / "docs" / "drift.md"
        before, rest = file.read_text().split(FIRST)
        _, after = rest.split(LAST)
        file.write_text("\n".join([f"{before}{FIRST}", "", *lines, "", f"{LAST}{after}"]))


if __name__ == "__main__":
    main()
