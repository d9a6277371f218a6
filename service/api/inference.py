"""Inference: a row's way from the parsed request to the answer that is in the log."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from service.api.prediction_log import PredictionLog
from service.api.registry import LoadedModel, Registry
from service.contract import golden
from service.contract.log_line import LogLine, prediction_id
from service.contract.signature import Signature, as_columns

Parse = Callable[[Signature], pd.DataFrame]


@dataclass(frozen=True)
class Answer:
    """What is answered; one id and one prediction a row."""

    model: str
    version: int
    ids: list[str]
    predictions: list[Any]
    classes: list[Any] | None
    probabilities: list[list[float]] | None


class Inference:
    """Signature, registry, predictor and log, in this order.

    Parameters
    ----------
    registry : Registry
    log : PredictionLog
    image : str
        `LABLOOP_IMAGE`, written to each line.
    """

    def __init__(self, registry: Registry, log: PredictionLog, image: str) -> None:
        self.registry = registry
        self.log = log
        self.image = image

    def answer(self, name: str, version: int | None, parse: Parse, client: str) -> Answer:
        """Predict and log; the lines are written when this returns.

        Parameters
        ----------
        name : str
        version : int or None
            None asks the live version.
        parse : callable
            Reads the request by the model's signature into a table.
        client : str
            Who asked, for the log.

        Raises
        ------
        AnswerError
            The model, the rows or the log are at fault; nothing was answered.
        """
        model = self.registry.get(name, version)
        table = parse(model.manifest.signature)
        began = time.perf_counter()
        answers = golden.answer(model.estimator, model.manifest.signature, table)
        latency = (time.perf_counter() - began) * 1000
        result = Answer(
            model=model.name,
            version=model.version,
            ids=[prediction_id() for _ in range(len(table))],
            predictions=answers.predictions,
            classes=model.manifest.signature.output.classes,
            probabilities=answers.probabilities,
        )
        self.log.write(self._lines(model, table, result, latency, client))
        return result

    def _lines(
        self, model: LoadedModel, table: pd.DataFrame, result: Answer, latency: float, client: str
    ) -> list[LogLine]:
        columns = as_columns(table)
        labels = [str(label) for label in result.classes or []]
        marks = model.manifest.signature.marks(table)
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        return [
            LogLine(
                id=result.ids[row],
                time=now,
                sequence=0,  # the log counts
                model=model.name,
                version=model.version,
                image=self.image,
                inputs={name: values[row] for name, values in columns.items()},
                prediction=result.predictions[row],
                probabilities=None
                if result.probabilities is None
                else dict(zip(labels, result.probabilities[row], strict=True)),
                latency_ms=round(latency, 3),
                batch=len(table),
                client=client,
                marks=marks[row],
            )
            for row in range(len(table))
        ]
