"""The API without any log: what logging costs is measured against it."""

from socket import socket
from unittest.mock import patch

from service.api import worker
from service.api.processes import supervisor
from service.api.processes.pulse import Shared, pulse
from service.contract.settings import settings


def serve(shared: Shared, sockets: list[socket]) -> None:
    """Be a worker that makes no line and writes none."""
    pulse.show_in(shared)
    worker.prepare()
    patch("service.api.log.prediction_log.PredictionLog.write", lambda *_, **__: None).start()
    patch("service.api.inference.inference.Inference._line", lambda *_: b"").start()
    worker.run(sockets)


if __name__ == "__main__":
    supervisor.run(settings(), "127.0.0.1", serve)
