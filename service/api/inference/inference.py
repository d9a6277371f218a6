"""Inference: a row's way from the parsed request to the answer that is in the log."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import Any
from weakref import WeakKeyDictionary

import orjson
from anyio import CapacityLimiter, to_thread

from service.api.edge.admission import Queue
from service.api.inference.batcher import Lane, Question
from service.api.log.prediction_log import LogBusyError, PredictionLog
from service.api.metrics.metrics import metrics
from service.api.predictors.estimator_math import NoFastPathError
from service.api.predictors.predictor import FAST_ROWS
from service.api.processes.pulse import pulse
from service.api.registry.loaded_model import LoadedModel
from service.api.registry.registry import Registry
from service.contract.log.line import prediction_ids
from service.contract.model.predictions import Predictions
from service.contract.model.signature import Columns, Signature

Parse = Callable[[Signature], Columns]

BATCH_ROWS = 1000  # that the estimator itself answers at once for several small requests


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered; one id and one prediction a row."""

    model: str
    version: int
    ids: list[str]
    predictions: list[Any]
    classes: list[Any] | None
    probabilities: Any
    targets: list[str] | None


class Inference:
    """Signature, registry, predictor and log, in this order.

    Small requests to a version share a lane and are answered together: by the
    fast path on the event loop, or by the estimator in a thread. A large one has
    a thread of its own; there are as many of these as cores.

    Parameters
    ----------
    registry : Registry
    log : PredictionLog
    queue : Queue
        Holds a place for each request.
    image : str
        `LABLOOP_IMAGE`, written to each line.
    """

    def __init__(self, registry: Registry, log: PredictionLog, queue: Queue, image: str) -> None:
        self.registry = registry
        self.log = log
        self.queue = queue
        self.image = image
        self._fast_lanes: WeakKeyDictionary[LoadedModel, Lane] = WeakKeyDictionary()
        self._lanes: WeakKeyDictionary[LoadedModel, Lane] = WeakKeyDictionary()
        self._large = CapacityLimiter(os.cpu_count() or 1)

    async def model(self, name: str, version: int | None) -> LoadedModel:
        """Return the live version, or one by its number; that is loaded if it is not.

        Raises
        ------
        AnswerError
            There is no such version, or it cannot be served.
        """
        if version is None:
            return self.registry.live(name)
        loading = self.registry.version(name, version)
        return await asyncio.shield(asyncio.wrap_future(loading))

    async def answer(
        self, name: str, version: int | None, parse: Parse, client: str, large: bool = False
    ) -> Answer:
        """Predict and log; the lines are written when this returns.

        Parameters
        ----------
        name : str
        version : int or None
            None asks the live version.
        parse : callable
            Reads the request by the model's signature into checked columns.
        client : str
            Who asked, for the log.
        large : bool
            Whether reading the request takes long enough for a thread.

        Raises
        ------
        AnswerError
            The model, the rows or the log are at fault; nothing was answered.
        """
        with self.queue:
            model = self.registry.live(name) if version is None else await self.model(name, version)
            signature = model.manifest.signature
            if large:
                columns = await to_thread.run_sync(parse, signature, limiter=self._large)
            else:
                columns = parse(signature)
            question = Question(model, columns, client)
            metrics.waiting.add(1, question.rows)
            try:
                return await self._ask(question)
            finally:
                metrics.waiting.add(-1, -question.rows)

    async def _ask(self, question: Question) -> Answer:
        if question.rows > FAST_ROWS:
            (given,) = await to_thread.run_sync(self._answer, [question], limiter=self._large)
            if isinstance(given, Exception):
                raise given
            return given
        return await self._together(question)

    async def _together(self, question: Question) -> Answer:
        model = question.model
        if model.predictor.verdict.quick and self.log.sync != "always":
            if (lane := self._fast_lanes.get(model)) is None:
                lane = Lane(self._answer_fast, inline=True, rows=FAST_ROWS)
                self._fast_lanes[model] = lane
            fast: Answer | None = await lane.ask(question)
            if fast is not None:
                return fast
        if (lane := self._lanes.get(model)) is None:
            lane = self._lanes[model] = Lane(self._answer, inline=False, rows=BATCH_ROWS)
        answer: Answer = await lane.ask(question)
        return answer

    def _answer_fast(self, questions: list[Question]) -> list[Answer | None]:
        """Answer by the fast path; None where that, or the log, would keep the event loop."""
        model = questions[0].model
        try:
            with pulse.computing(model.label):
                answers = model.predictor.fast(_merged(questions))
            return [*self._logged(questions, answers, wait=False)]
        except (NoFastPathError, LogBusyError):
            if len(questions) == 1:
                return [None]
        return [given for each in questions for given in self._answer_fast([each])]

    def _answer(self, questions: list[Question]) -> list[Answer | Exception]:
        """Answer by the estimator, or by the fast path where it has one."""
        model = questions[0].model
        try:
            with pulse.computing(model.label):
                answers = model.predictor(_merged(questions))
        except Exception as error:  # whatever a user's estimator raises
            if len(questions) == 1:
                return [error]
            return [given for each in questions for given in self._answer([each])]
        return [*self._logged(questions, answers)]

    def _logged(
        self, questions: list[Question], answers: Predictions, wait: bool = True
    ) -> list[Answer]:
        """Return each question its part of the answers, all of them logged with one write."""
        ids = prediction_ids(len(answers.predictions))
        time = datetime.now(UTC).isoformat(timespec="microseconds")
        parts, lines, start = [], [], 0
        for question in questions:
            part = _part(question.model, answers, ids, start, start + question.rows)
            parts.append(part)
            lines.append(self._line(question, part, time))
            start += question.rows
        self.log.write(lines, wait)
        now = perf_counter()
        model = questions[0].model
        metrics.predicted(model.name, model.version, start, [now - q.began for q in questions])
        return parts

    def _line(self, question: Question, part: Answer, time: str) -> bytes:
        signature = question.model.manifest.signature
        line = {
            "model": part.model,
            "version": part.version,
            "digest": question.model.digest,
            "time": time,
            "image": self.image,
            "client": question.client,
            "latency_ms": round((perf_counter() - question.began) * 1000, 3),
            "inputs": signature.logged(question.columns),
            "ids": part.ids,
            "predictions": part.predictions,
            "classes": part.classes,
            "probabilities": part.probabilities,
            "targets": part.targets,
            "marks": signature.marks(question.columns),
        }
        return orjson.dumps(line, option=orjson.OPT_SERIALIZE_NUMPY)


def _merged(questions: list[Question]) -> Columns:
    """Put the rows of all questions under each other."""
    if len(questions) == 1:
        return questions[0].columns
    return {
        name: [value for question in questions for value in question.columns[name]]
        for name in questions[0].columns
    }


def _part(
    model: LoadedModel, answers: Predictions, ids: list[str], start: int, stop: int
) -> Answer:
    """Take one question's rows out of the answers to a batch."""
    chances = answers.probabilities
    return Answer(
        model=model.name,
        version=model.version,
        ids=ids[start:stop],
        predictions=answers.predictions[start:stop],
        classes=model.manifest.signature.output.classes,
        probabilities=None if chances is None else chances[start:stop],
        targets=model.manifest.signature.output.targets,
    )
