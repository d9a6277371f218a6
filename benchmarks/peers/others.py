"""Other servers with the same forest, each started by the Python of an environment of its own.

An environment is a folder beside the checkout's own, named after its server::

    python3 -m venv .venv-litserve
    .venv-litserve/bin/pip install litserve scikit-learn pandas

(and likewise mosec; vetiver; mlserver with mlserver-sklearn; bentoml; mlflow). `make bench`
measures those that are there. This file imports nothing of Labloop, since it runs where Labloop is
not installed.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
VALUES = [*FLOWER.values()]
TENSOR = {"name": "x", "shape": [1, 4], "datatype": "FP64", "data": VALUES}

# Where each is asked, and how.
ASKED: dict[str, tuple[str, Any]] = {
    "bentoml": ("/predict", {"row": VALUES}),
    "litserve": ("/predict", {"row": VALUES}),
    "mlflow": ("/invocations", {"dataframe_records": [FLOWER]}),
    "mosec": ("/inference", {"rows": [VALUES]}),
    "mlserver": ("/v2/models/iris/infer", {"inputs": [TENSOR]}),
    "vetiver": ("/predict", [FLOWER]),
}


def forest() -> Any:
    """Fit 100 trees on iris, as `plain` does; with `FEATURES`, on so many numbers."""
    import numpy as np
    import pandas as pd
    from sklearn.ensemble import RandomForestClassifier

    if "FEATURES" in os.environ:
        X = np.random.default_rng(0).normal(size=(300, int(os.environ["FEATURES"])))
        return RandomForestClassifier(100, random_state=0).fit(X, X[:, 0] > 0), X
    table = pd.read_csv(Path(__file__).resolve().parents[2] / "data" / "iris.csv")
    X, y = table[[*FLOWER]], table["target"]
    return RandomForestClassifier(100, random_state=0).fit(X, y), X


BENTOML = """
import bentoml, others, pandas as pd

@bentoml.service(workers=1)
class Iris:
    def __init__(self):
        self.model, self.X = others.forest()

    @bentoml.api
    def predict(self, row: list[float]) -> int:
        table = pd.DataFrame([row], columns=self.X.columns)
        return int(self.model.predict(table)[0])
"""


def bentoml(port: int, folder: Path) -> None:
    """Its services are classes of a file."""
    (folder / "iris_service.py").write_text(BENTOML)
    os.chdir(folder)
    run("bentoml", "serve", "iris_service:Iris", "--port", str(port))


LITSERVE = """
import sys, litserve, others, pandas as pd

class Iris(litserve.LitAPI):
    def setup(self, device):
        self.model, self.X = others.forest()

    def decode_request(self, request):
        return pd.DataFrame([request["row"]], columns=self.X.columns)

    def predict(self, table):
        return int(self.model.predict(table)[0])

    def encode_response(self, prediction):
        return {"prediction": prediction}

if __name__ == "__main__":
    server = litserve.LitServer(Iris(), accelerator="cpu")
    server.run(port=int(sys.argv[1]), generate_client_file=False)
"""


def litserve(port: int, folder: Path) -> None:
    """It starts a process that imports the file anew."""
    (folder / "iris_server.py").write_text(LITSERVE)
    run("python", str(folder / "iris_server.py"), str(port))


def mlflow(port: int, folder: Path) -> None:
    """It serves a folder."""
    import mlflow.sklearn

    mlflow.sklearn.save_model(forest()[0], folder / "iris", serialization_format="cloudpickle")
    options = ["--env-manager", "local", "--workers", "1", "--port", str(port)]
    run("mlflow", "models", "serve", "-m", str(folder / "iris"), *options)


def mlserver(port: int, folder: Path) -> None:
    """It serves a folder with two files of settings."""
    import joblib

    joblib.dump(forest()[0], folder / "iris.joblib")
    model = {
        "name": "iris",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./iris.joblib"},
    }
    server: dict[str, Any] = {"http_port": port, "grpc_port": port + 1, "metrics_port": port + 2}
    server |= {"parallel_workers": 0, "host": "127.0.0.1"}
    (folder / "model-settings.json").write_text(json.dumps(model))
    (folder / "settings.json").write_text(json.dumps(server))
    run("mlserver", "start", str(folder))


MOSEC = """
import numpy as np, others
from mosec import Server, Worker

class Iris(Worker):
    def __init__(self):
        super().__init__()
        model, X = others.forest()
        self.model = model.fit(np.asarray(X), model.predict(X))

    def forward(self, data):
        sizes = [len(each["rows"]) for each in data]
        rows = np.array([row for each in data for row in each["rows"]])
        probabilities = self.model.predict_proba(rows)
        labels = self.model.classes_[probabilities.argmax(axis=1)]
        cuts = np.cumsum(sizes)[:-1]
        return [
            {"predictions": label.tolist(), "probabilities": probability.tolist()}
            for label, probability in zip(
                np.split(labels, cuts), np.split(probabilities, cuts), strict=True
            )
        ]

if __name__ == "__main__":
    server = Server()
    server.append_worker(Iris, num=1, max_batch_size=64, max_wait_time=1)
    server.run()
"""


def mosec(port: int, folder: Path) -> None:
    """It waits a millisecond for a batch to fill; its own default, 10 ms, is slower.

    A batch of just as many rows as there are connections would never wait, and answer twice as many
    requests; but who serves does not know how many will ask.
    """
    (folder / "iris_server.py").write_text(MOSEC)
    run("python", str(folder / "iris_server.py"), "--port", str(port), "--address", "127.0.0.1")


def vetiver(port: int, folder: Path) -> None:
    """It makes a FastAPI application of a model."""
    from vetiver import VetiverAPI, VetiverModel

    model, X = forest()
    VetiverAPI(VetiverModel(model, "iris", prototype_data=X)).run(port=port, log_level="warning")


def run(program: str, *arguments: str) -> None:
    """Become a program of this environment, which can import this file."""
    path = Path(sys.prefix) / "bin" / program
    os.environ["PATH"] = f"{path.parent}:{os.environ['PATH']}"
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    os.execv(path, [str(path), *arguments])


if __name__ == "__main__":
    name, port = sys.argv[1:]
    globals()[name](int(port), Path(tempfile.mkdtemp()))
