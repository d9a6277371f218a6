"""Populations: where columns of every kind are drawn from, for training and for the log."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from service.contract.model import baseline
from service.contract.model.manifest import Manifest
from service.contract.signature.feature import Feature
from service.contract.signature.output import Output
from service.contract.signature.signature import Signature
from service.lab.reports.drift.drift import Drift
from service.lab.reports.drift.measurement import measure

Draw = Callable[[np.random.Generator, int], np.ndarray | pd.Series]
CONSONANTS, VOWELS = [*"bcdfghjklmnpqrstvwxz"], [*"aeiou"]
LEXICON = np.array(
    [a + b + c + d for a in CONSONANTS for b in VOWELS for c in CONSONANTS[:12] for d in VOWELS]
)  # 6,000 words
SHARES = 1 / np.arange(1, len(LEXICON) + 1)
SHARES /= SHARES.sum()


def texts(random: np.random.Generator, rows: int, mean: float = 12, first: int = 0) -> pd.Series:
    """Draw texts whose words are as unequally frequent as in a language."""
    words = random.choice(np.roll(LEXICON, -first), (rows, 80), p=SHARES)
    lengths = np.minimum(random.poisson(mean, rows), 80)
    return pd.Series([" ".join(row[:length]) for row, length in zip(words, lengths, strict=True)])


def with_gaps(draw: Draw, share: float) -> Draw:
    return lambda r, n: pd.Series(draw(r, n)).where(r.random(n) >= share)


def zones(random: np.random.Generator, rows: int) -> pd.Series:
    pairs = zip(random.integers(1, 61, rows), random.integers(1, 61, rows), strict=True)
    return pd.Series([f"{a}_{b}" for a, b in pairs])


def prefixed(draw: Draw, prefix: str = "c") -> Draw:
    return lambda r, n: pd.Series([f"{prefix}{value}" for value in draw(r, n)])


NUMBERS: dict[str, Draw] = {
    "normal": lambda r, n: r.normal(size=n),
    "skewed": lambda r, n: r.lognormal(0, 2, n),
    "heavy tails": lambda r, n: r.standard_cauchy(n),
    "near-equal large": lambda r, n: 1e9 + r.normal(0, 1e-6, n),
    "constant": lambda r, n: np.full(n, 1234.5678),
    "mostly one value": lambda r, n: np.where(r.random(n) < 0.93, 0.0, r.lognormal(size=n)),
    "rounded": lambda r, n: r.normal(20, 3, n).round(),
    "with missing values": with_gaps(lambda r, n: r.normal(size=n), 0.2),
    "mostly missing": with_gaps(lambda r, n: r.normal(size=n), 0.97),
    "all missing": lambda r, n: np.full(n, np.nan),
    "single precision": lambda r, n: r.normal(size=n).astype(np.float32),
}
INTEGERS: dict[str, Draw] = {
    "dice": lambda r, n: r.integers(1, 7, n),
    "counts": lambda r, n: r.poisson(0.3, n),
    "random ids": lambda r, n: r.integers(0, 2**62, n),
}
BOOLEANS: dict[str, Draw] = {
    "fair": lambda r, n: r.random(n) < 0.5,
    "rare": lambda r, n: r.random(n) < 0.005,
    "always": lambda r, n: np.ones(n, dtype=bool),
}
CATEGORIES: dict[str, Draw] = {
    "few": lambda r, n: r.choice(["red", "green", "blue"], n, p=[0.7, 0.2, 0.1]),
    "one": lambda r, n: np.full(n, "red"),
    "many": prefixed(lambda r, n: r.integers(0, 150, n)),
    "zones": zones,
    "zipf": prefixed(lambda r, n: np.minimum(r.zipf(1.6, n), 400)),
    "zipf without end": prefixed(lambda r, n: r.zipf(1.6, n)),
    "half new": lambda r, n: pd.Series(
        [f"u{v}" if v % 2 else "guest" for v in r.integers(0, 10**9, n)]
    ),
    "names": prefixed(lambda r, n: r.integers(0, 10**12, n), "person "),
    "with missing values": with_gaps(prefixed(lambda r, n: r.integers(0, 300, n)), 0.3),
}
TEXTS: dict[str, Draw] = {
    "notes": texts,
    "words": lambda r, n: texts(r, n, 1),
    "long": lambda r, n: texts(r, n, 60),
    "with missing values": with_gaps(texts, 0.2),
    "names": prefixed(lambda r, n: r.integers(0, 10**12, n), "person "),
    "templates": lambda r, n: pd.Series(
        [
            f"Dear customer, order {v} is late" if v % 3 else "Thanks"
            for v in r.integers(0, 10**6, n)
        ]
    ),
}
TIMES: dict[str, Draw] = {
    "a year": lambda r, n: pd.Series(
        pd.Timestamp("2025-01-01") + pd.to_timedelta(r.integers(0, 365 * 86_400, n), "s")
    ),
    "with a zone": lambda r, n: pd.Series(
        pd.Timestamp("2025-01-01", tz="Europe/Madrid")
        + pd.to_timedelta(r.integers(0, 365 * 86_400, n), "s")
    ),
    "with missing values": with_gaps(
        lambda r, n: pd.Series(
            pd.Timestamp("2025-01-01") + pd.to_timedelta(r.integers(0, 365, n), "D")
        ),
        0.1,
    ),
}
DURATIONS: dict[str, Draw] = {
    "trips": lambda r, n: pd.Series(pd.to_timedelta(r.lognormal(6, 1, n).round(), "s")),
}
POPULATIONS: dict[str, tuple[str, Draw]] = {
    f"{kind}: {name}": (kind, draw)
    for kind, draws in {
        "number": NUMBERS,
        "integer": INTEGERS,
        "boolean": BOOLEANS,
        "category": CATEGORIES,
        "text": TEXTS,
        "datetime": TIMES,
        "timedelta": DURATIONS,
    }.items()
    for name, draw in draws.items()
}


def feature(name: str, kind: str, column: pd.Series) -> Feature:
    categories = sorted(column.dropna().unique().tolist()) if kind == "category" else None
    return Feature(
        name=name,
        kind=kind,
        dtype=str(column.dtype),
        nullable=bool(column.hasnans),
        categories=categories,
    )


class Training:
    """A training table, its baseline and its manifest."""

    def __init__(self, table: pd.DataFrame, kinds: dict[str, str]) -> None:
        features = [feature(name, kinds[name], column) for name, column in table.items()]
        signature = Signature(features=features, output=Output(task="regression"))
        self.summary = baseline.summarise(signature, table, np.zeros(len(table)))
        self.manifest = Manifest(
            model="m", estimator="", rows=len(table), signature=signature, image=""
        )

    def measured(self, log: pd.DataFrame) -> Drift:
        return measure(log.assign(version=1, prediction=0.0), self.summary, self.manifest)
