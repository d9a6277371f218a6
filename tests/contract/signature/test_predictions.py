"""What an estimator says of a table is told to who publishes, and kept back from who asks."""

from typing import Any

import pandas as pd
import pytest

from service.contract.errors import InputError
from service.contract.signature.output import Output
from service.contract.signature.predictions import predict, predict_columns
from service.contract.signature.signature import Signature

X = pd.DataFrame({"size": [1.0, 42.0]})


class Picky:
    """An estimator that tells what it refuses."""

    def predict(self, X: pd.DataFrame) -> Any:
        raise ValueError(f"value {X['size'].max():g} breaks it")


def test_a_publisher_hears_the_reason() -> None:
    signature = Signature.from_table(X, Output(task="regression")).keep_private(["size"])
    with pytest.raises(InputError, match="value 42 breaks it"):
        predict(Picky(), signature, X)


def test_a_client_hears_no_private_value() -> None:
    signature = Signature.from_table(X, Output(task="regression"))
    columns = {"size": [1.0, 42.0]}
    with pytest.raises(InputError, match="value 42 breaks it"):
        predict_columns(Picky(), signature, columns)
    with pytest.raises(InputError, match="is kept back") as caught:
        predict_columns(Picky(), signature.keep_private(["size"]), columns)
    assert "42" not in str(caught.value)
