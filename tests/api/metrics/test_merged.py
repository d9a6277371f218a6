"""The files of several workers give the text that prometheus_client makes of them."""

import random
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.mmap_dict import mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

from service.api.metrics import merged
from service.api.metrics.file import MetricFile
from service.api.metrics.metrics import COARSE, OPENMETRICS

key_of: Any = mmap_key

HELP = 'Says "what", with a \\ and\na second line.'
MODELS = ["iris", 'a "b"\\\nc', "日本", ""]
MODES = ("livesum", "livemin", "livemostrecent")
ODD = [0.0, 1.0, 0.1 + 0.2, 1e16, 123456789.125, 5e-324, float("inf"), float("nan"), -3.0]


def worker(folder: Path, pid: int) -> None:
    """Count as a worker does: a part of the models, each with other numbers."""
    chance = random.Random(pid)
    files: dict[str, Any] = {
        kind: MetricFile(str(folder / f"{kind}_{pid}.db")) for kind in ("counter", "histogram")
    }
    for model in chance.sample(MODELS, 3):
        for version in ("1", "2"):
            labels: Any = (["model", "version"], [model, version])
            files["counter"].write_value(
                key_of("asked", "asked_total", *labels, HELP), chance.choice(ODD[:6]), 0.0
            )
        one: Any = (["model"], [model])
        files["histogram"].write_value(key_of("took", "took_sum", *one, HELP), chance.random(), 0.0)
        for bound in map(str, [*COARSE, float("inf")]):
            bucket = key_of("took", "took_bucket", ["model", "le"], [model, bound], HELP)
            files["histogram"].write_value(
                bucket.replace('"inf"', '"+Inf"'), chance.randrange(9), 0
            )
    alone = key_of("cut", "cut_bucket", ["model", "le"], ["iris", "1.0"], HELP)
    files["histogram"].write_value(alone, 2.0, 0.0)  # the worker died before it wrote the rest
    for mode in MODES:
        files[mode] = MetricFile(str(folder / f"gauge_{mode}_{pid}.db"))
        for place, value in enumerate(chance.sample(ODD, 4)):
            key = key_of(mode, mode, ["n"], [str(place)], HELP)
            files[mode].write_value(key, value, chance.choice([0.0, 1.0, 2.0]))
        files[mode].write_value(key_of(f"{mode}_bare", f"{mode}_bare", [], [], HELP), pid, pid)
    for file in files.values():
        file.close()


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("wished", ["", OPENMETRICS], ids=["plain", "OpenMetrics"])
def test_text_is_that_of_the_library(tmp_path: Path, workers: int, wished: str) -> None:
    for pid in range(1, workers + 1):
        worker(tmp_path, pid)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(tmp_path))
    expected = choose_encoder(wished)[0](registry)
    files = [*tmp_path.glob("*.db")]
    assert merged.text(merged.merge(files), bool(wished)) == expected
    assert expected.count(b"\n") > 80


def test_memory_gives_the_same_families(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    counter = Counter("asked", HELP, ["model"], registry=registry)
    took = Histogram("took", HELP, ["model"], registry=registry, buckets=COARSE)
    Gauge("waiting", HELP, registry=registry).set(3)
    for number in range(100):
        counter.labels("iris").inc()
        took.labels("iris").observe(number / 100)
    families = {each.name: each for each in merged.of(registry.collect())}
    assert families["asked"].values == {("asked_total", (("model", "iris"),)): 100}
    assert families["waiting"].values["waiting", ()] == 3
    (counts,) = families["took"].buckets.values()
    assert sum(counts.values()) == 100
    assert counts[1.0] == 49  # above 0.5
