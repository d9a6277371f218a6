"""The API without any log: what logging costs is measured against it."""

from unittest.mock import patch

from service.api import worker
from service.api.processes import supervisor
from service.api.processes.supervisor import Chosen
from service.api.processes.worker_process import Task
from service.contract.settings import settings


def serve(task: Task) -> None:
    """Be a worker that makes no line and writes none."""
    worker.prepare(worker.join(task), task)
    patch("service.api.log.prediction_log.PredictionLog.write", lambda *_, **__: None).start()
    patch("service.api.inference.inference.Inference._line", lambda *_: b"").start()
    worker.run(task.listening)


if __name__ == "__main__":
    from benchmarks.peers import unlogged  # the name by which a worker finds it

    supervisor.run(lambda: Chosen.of(settings(), "127.0.0.1"), unlogged.serve)
