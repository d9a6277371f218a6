"""What a loaded model writes at the beginning of its lines in the log."""

from pathlib import Path
from typing import Any, cast

import orjson

from service.api.registry.loaded_model import LoadedModel
from service.contract.signature.feature import Feature
from service.lab.log.line_check import read_request
from tests.support.log_lines import line
from tests.support.models import write_files


def test_lines_say_which_features_are_times(tmp_path: Path) -> None:
    manifest = write_files(tmp_path)
    plain = LoadedModel("iris", 1, cast(Any, None), manifest, "0123456789ab", {})
    assert plain.heading == {"model": "iris", "version": 1, "digest": "0123456789ab"}

    seen = Feature(name="seen", kind="datetime", dtype="datetime64[us, UTC]", nullable=True)
    signature = manifest.signature.model_copy(
        update={"features": [*manifest.signature.features, seen]}
    )
    dated = manifest.model_copy(update={"signature": signature})
    model = LoadedModel("iris", 1, cast(Any, None), dated, "0123456789ab", {})
    assert model.heading["kinds"] == {"datetime_utc": ["seen"]}
    rest = orjson.loads(line(inputs={"seen": ["2024-02-03T04:05:06+00:00"]}))
    text = orjson.dumps(
        {**model.heading, **{n: v for n, v in rest.items() if n not in plain.heading}}
    )
    assert read_request(text[:-1] + b',"sequence":1}')["kinds"] == {"datetime_utc": ["seen"]}
