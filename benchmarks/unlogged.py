"""The API without any log: what logging costs is measured against it."""

from unittest.mock import patch

from service.api.inference import Inference
from service.api.prediction_log import PredictionLog

patch.object(PredictionLog, "write", lambda *_, **__: None).start()
patch.object(Inference, "_line", lambda *_: b"").start()

from service.api.app import app  # noqa: E402

__all__ = ["app"]
