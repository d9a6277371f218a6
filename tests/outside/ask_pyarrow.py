"""Publish and ask with tables of pyarrow, which this lab has and the API has not."""

import sys

import pandas as pd
import pyarrow as pa
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from service.lab import Lab

houses = pd.DataFrame(
    {
        "area": [50.5, 60.5, 70.5, 80.5] * 9,
        "rooms": [2, 3, None, 5] * 9,
        "state": ["NY", "CA", "NY", "TX"] * 9,
        "new": [True, False, None, True] * 9,
        "sold": pd.to_datetime(["2024-02-03", None, "2024-02-05", "2024-02-06"] * 9),
    }
)
houses["rooms"] = houses["rooms"].astype("Int64")
price = houses["area"] * 2
table = pa.Table.from_pandas(houses)
prepare = make_column_transformer(
    ("passthrough", ["area"]), (OneHotEncoder(handle_unknown="ignore"), ["state"])
)
lab = Lab()
for name, X in {
    "table": table,
    "backed": houses.convert_dtypes(dtype_backend="pyarrow"),
    "plain": houses,
}.items():
    frame = X.to_pandas() if isinstance(X, pa.Table) else X
    model = make_pipeline(prepare, LinearRegression()).fit(frame, price)
    lab.publish(name, model, X, price)
    expected = model.predict(frame.head(7))
    for asked in (table.slice(0, 7), X[:7], houses.head(7)):
        given = lab.predict(name, asked)["prediction"]
        if abs(given.to_numpy() - expected).max() > 1e-9:
            sys.exit(f"{name} asked by {type(asked)}: {given.tolist()}, not {expected.tolist()}")
kinds = [each.kind for each in lab._store.manifest("backed", 1).signature.features]
print(",".join(kinds))
