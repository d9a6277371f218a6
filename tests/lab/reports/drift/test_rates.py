"""How often drift is seen where there is none, and where there is some."""

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

from tests.lab.reports.drift.populations import POPULATIONS, Training
from tests.support.soak import SOAK, times

TRAININGS, LARGE = times(20, 4), 20_000
SIZES = [(100, 20), (2000, 300)]
MORE = [
    *[(100, rows) for rows in (100, 300, 1000, LARGE)],
    *[(2000, rows) for rows in (20, 100, 1000, LARGE)],
    *[(100_000, rows) for rows in (20, 300, LARGE)],
]


@pytest.mark.parametrize(("rows", "window"), [*SIZES, *MORE] if SOAK else SIZES)
def test_training_distribution_is_seldom_called_shifted(rows: int, window: int) -> None:
    random = np.random.default_rng([rows, window])
    kinds = {name: kind for name, (kind, _) in POPULATIONS.items()}

    def table(size: int) -> pd.DataFrame:
        return pd.DataFrame({name: draw(random, size) for name, (_, draw) in POPULATIONS.items()})

    verdicts: dict[str, list[str]] = defaultdict(list)
    trainings = TRAININGS if max(rows, window) < LARGE else 4  # large tables take long to draw
    for _ in range(trainings):
        training = Training(table(rows), kinds)
        for _ in range(2):
            for name, verdict in training.measured(table(window)).table["verdict"].items():
                verdicts[str(name)].append(verdict)
    shifted = {name: found.count("shifted") / len(found) for name, found in verdicts.items()}
    often = max(0.05, 1 / (2 * trainings))  # of few windows, one may be
    assert {name: share for name, share in shifted.items() if share > often} == {}
    everything = [verdict for found in verdicts.values() for verdict in found]
    assert sum(verdict != "stable" for verdict in everything) / len(everything) <= 0.01
