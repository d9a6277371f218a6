"""PSI beyond chance, against the textbook's sum and against resampling."""

import numpy as np
import pytest

from service.lab.reports.drift.psi import chance, psi


def test_many_rows_give_the_textbook_index() -> None:
    log, training = np.array([300_000, 200_000, 500_000]), np.array([500_000, 300_000, 200_000])
    p, q = log / log.sum(), training / training.sum()
    assert psi(log, training) == pytest.approx(np.sum((p - q) * np.log(p / q)), abs=1e-4)


@pytest.mark.parametrize(
    ("bins", "rows", "training"), [(10, 300, 2000), (10, 100, 100), (2, 50, 500)]
)
def test_chance_is_what_resampling_finds(bins: int, rows: int, training: int) -> None:
    random = np.random.default_rng(0)
    even, more = np.full(bins, 1 / bins), bins / 2
    p = (random.multinomial(rows, even, 4000) + more / bins) / (rows + more)
    q = (random.multinomial(training, even, 4000) + 0.5) / (training + more)
    assert chance(bins, rows, training) == pytest.approx(
        np.sum((p - q) * np.log(p / q), axis=1).mean(), rel=0.1
    )


def test_one_distribution_has_hardly_any() -> None:
    random = np.random.default_rng(0)
    draws = [(random.multinomial(n, np.full(20, 0.05)) for n in (200, 2000)) for _ in range(500)]
    assert np.mean([psi(*draw) for draw in draws]) < 0.02
