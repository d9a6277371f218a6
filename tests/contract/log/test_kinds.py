"""A line says which of its texts are times."""

from typing import Any

import pandas as pd
import pytest

from service.contract.log.kinds import is_time, kinds_of, microseconds
from service.contract.signature.feature import Feature
from service.contract.signature.output import Output
from service.contract.signature.signature import Signature


def feature(name: str, kind: Any, dtype: str, **more: Any) -> Feature:
    return Feature(name=name, kind=kind, dtype=dtype, nullable=True, **more)


def test_kinds_follow_the_signature() -> None:
    features = [
        feature("size", "number", "float64"),
        feature("start", "datetime", "datetime64[us]"),
        feature("seen", "datetime", "datetime64[us, Europe/Madrid]"),
        feature("born", "datetime", "datetime64[s]", private=True),
        feature("gap", "timedelta", "timedelta64[ns]"),
        feature("end", "datetime", "datetime64[ns]"),
    ]
    output = Output(task="regression")
    assert kinds_of(Signature(features=features, output=output)) == {
        "datetime": ["start", "end"],
        "datetime_utc": ["seen"],
        "timedelta": ["gap"],
    }
    assert kinds_of(Signature(features=features[:1], output=output)) == {}


@pytest.mark.parametrize("text", ["0s", "-1us", "1D 2h 3min 4.5s", "-400D 1us", "100000D"])
def test_lengths_are_as_pandas_writes_them(text: str) -> None:
    length = pd.Timedelta(text)
    assert is_time(length.isoformat(), "timedelta")
    assert microseconds(length.isoformat()) == length // pd.Timedelta("1us")
