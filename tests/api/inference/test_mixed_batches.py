"""A request with a missing integer changes no other request's table."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from tests.support.live import running_api


def test_rows_are_predicted_as_alone(tmp_path: Path) -> None:
    X = pd.DataFrame({"size": np.arange(200) % 5})
    # As text a 3 is "3", and "3.0" in a column of floats, which is no category of training.
    as_text = FunctionTransformer(np.asarray, kw_args={"dtype": str})
    encode = OneHotEncoder(handle_unknown="ignore")
    fitted = make_pipeline(as_text, encode, LinearRegression()).fit(X, X["size"] ** 2)
    sizes = [None if number % 3 == 0 else number % 5 for number in range(120)]
    with running_api(tmp_path) as api:
        api.lab().publish("sizes", fitted, X, X["size"] ** 2)

        def ask(http: httpx.Client, size: int | None) -> float:
            response = http.post("/models/sizes/predict", json={"rows": [{"size": size}]})
            return float(response.raise_for_status().json()["predictions"][0])

        with api.http() as http:
            alone = {size: ask(http, size) for size in dict.fromkeys(sizes)}
            with ThreadPoolExecutor(24) as pool:
                together = [*pool.map(lambda size: ask(http, size), sizes)]
    assert np.allclose([alone[size] for size in range(5)], np.arange(5) ** 2)
    assert np.allclose(together, [alone[size] for size in sizes])
