"""The power table in docs/drift.md: what it says is noticed is noticed."""

import re

import pytest

from benchmarks.drift_power import ROWS, shifts, window_verdicts
from tests.support.live import CHECKOUT

LINES = re.findall(
    r"^\| (.+:.+?)((?: \| \d+ %)+) \|$", (CHECKOUT / "docs/drift.md").read_text(), re.M
)
SHARES = {words: [int(share) for share in re.findall(r"\d+", shares)] for words, shares in LINES}
CHANGES = {words.replace("%", " %"): (population, draw) for words, population, draw in shifts()}


def test_the_table_is_complete() -> None:
    assert SHARES.keys() == CHANGES.keys()
    assert {len(shares) for shares in SHARES.values()} == {len(ROWS)}


@pytest.mark.slow
@pytest.mark.parametrize("words", SHARES)
def test_it_is_noticed_as_often(words: str) -> None:
    share = SHARES[words][ROWS.index(300)]
    verdicts = window_verdicts(*CHANGES[words], rows=300, trainings=1, windows=5, seed=1)
    if share == 100:
        assert "stable" not in verdicts
    elif share == 0:
        assert verdicts.count("stable") >= 4
