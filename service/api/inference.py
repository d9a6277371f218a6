"""Inference: a row's way from the parsed request to the answer that is in the log."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import Any
from weakref import WeakKeyDictionary

import orjson
from starlette.concurrency import run_in_threadpool

from service.api.lane import Lane, Question
from service.api.prediction_log import PredictionLog
from service.api.predictor import FAST_ROWS
from service.api.registry import LoadedModel, Registry
from service.contract.errors import InputError
from service.contract.golden import Answers
from service.contract.log_line import fragments, prediction_ids
from service.contract.signature import Columns, Signature

Parse = Callable[[Signature], Columns]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered; one id and one prediction a row."""

    model: str
    version: int
    ids: list[str]
    predictions: list[Any]
    classes: list[Any] | None
    probabilities: list[Any] | None
    targets: list[str] | None


class Inference:
    """Signature, registry, predictor and log, in this order.

    Small requests to a version share a lane and are answered together; a large
    one has a thread of its own.

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
        self._lanes: WeakKeyDictionary[LoadedModel, Lane] = WeakKeyDictionary()

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
        if version is None:
            model = self.registry.live(name)
        else:
            model = await run_in_threadpool(self.registry.version, name, version)
        signature = model.manifest.signature
        columns = await run_in_threadpool(parse, signature) if large else parse(signature)
        question = Question(columns, len(columns[signature.names[0]]), client)
        if question.rows <= FAST_ROWS:
            answer: Answer = await self._lane(model).ask(question)
            return answer
        (given,) = await run_in_threadpool(self._compute, model, [question])
        if isinstance(given, Exception):
            raise given
        return given

    def _lane(self, model: LoadedModel) -> Lane:
        lane = self._lanes.get(model)
        if lane is None:
            inline = model.predictor.quick and self.log.sync != "always"
            lane = Lane(lambda questions: self._compute(model, questions), inline)
            self._lanes[model] = lane
        return lane

    def _compute(self, model: LoadedModel, questions: list[Question]) -> list[Answer | Exception]:
        """Answer questions together, and log them with one write."""
        merged = questions[0].columns
        if len(questions) > 1:
            merged = {
                name: [value for question in questions for value in question.columns[name]]
                for name in merged
            }
        try:
            answers = model.predictor(merged)
        except InputError as error:
            if len(questions) == 1:
                return [error]
            return [given for each in questions for given in self._compute(model, [each])]
        results: list[Answer | Exception] = []
        lines: list[str] = []
        ids = prediction_ids(len(answers.predictions))
        start = 0
        for question in questions:
            result = _part(model, answers, ids, start, start + question.rows)
            lines += self._lines(model, question, result)
            results.append(result)
            start += question.rows
        self.log.write(lines)
        return results

    def _lines(self, model: LoadedModel, question: Question, result: Answer) -> list[str]:
        """Write the lines of one request: its columns as JSON, laid row by row into a template."""
        signature = model.manifest.signature
        shared = {
            "time": datetime.now(UTC).isoformat(timespec="microseconds"),
            "model": model.name,
            "version": model.version,
            "image": self.image,
            "client": question.client,
            "batch": question.rows,
            "latency_ms": round((perf_counter() - question.began) * 1000, 3),
        }
        chances, labels = result.probabilities, signature.output.labels
        if chances is not None and labels is not None:
            probabilities = _template(labels)
            columns = [fragments([*column]) for column in zip(*chances, strict=True)]
        else:
            probabilities = "%s"
            named = [signature.output.by_class(row) for row in chances or [None] * question.rows]
            columns = [fragments(named)]
        template = (
            f"{_literal(shared)[1:-1]},"
            f'"id":"%s","inputs":{_template([*question.columns])},'
            f'"prediction":%s,"probabilities":{probabilities},"marks":%s}}'
        )
        unusual = signature.marks(question.columns)
        marks = ["[]"] * question.rows
        for row, found in unusual.items():
            marks[row] = orjson.dumps(found).decode()
        rows = zip(
            result.ids,
            *map(fragments, question.columns.values()),
            fragments([signature.output.by_target(each) for each in result.predictions]),
            *columns,
            marks,
            strict=True,
        )
        return [template % row for row in rows]


def _literal(value: Any) -> str:
    """Write JSON that stands in a template for itself."""
    return orjson.dumps(value).decode().replace("%", "%%")


def _template(names: list[str]) -> str:
    """Write a JSON object with a place for each value.

    Examples
    --------
    >>> _template(["size", "share in %"])
    '{"size":%s,"share in %%":%s}'
    """
    return "{" + ",".join(f"{_literal(name)}:%s" for name in names) + "}"


def _part(model: LoadedModel, answers: Answers, ids: list[str], start: int, stop: int) -> Answer:
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
