"""The API without any log: what logging costs is measured against it."""

from unittest.mock import patch

from fastapi import FastAPI

from service.api.inference.inference import Inference
from service.api.log.prediction_log import PredictionLog


def without_log() -> FastAPI:
    """Return the application; it makes no line and writes none."""
    patch.object(PredictionLog, "write", lambda *_, **__: None).start()
    patch.object(Inference, "_line", lambda *_: b"").start()
    from service.api.app import app

    return app
