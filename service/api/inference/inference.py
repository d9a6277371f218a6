"""Inference: a row's way from checked columns to a prediction that is in the log."""

from dataclasses import dataclass
from time import perf_counter
from typing import Any
from weakref import WeakKeyDictionary

from anyio import CapacityLimiter, to_thread

from service.api.inference.batcher import Batcher, PendingRequest, Tell
from service.api.log.ids import prediction_ids
from service.api.log.prediction_log import LogBusyError, PredictionLog
from service.api.metrics.metrics import metrics
from service.api.processes.pulse import pulse
from service.api.registry.loaded_model import LoadedModel
from service.contract.log.line import Request, encode, now
from service.contract.predictors.no_fast_path import NoFastPathError
from service.contract.predictors.predictor import FAST_ROWS
from service.contract.signature.predictions import Predictions
from service.contract.signature.signature import Columns

BATCH_ROWS = 1000  # that the estimator itself predicts at once for several small requests


@dataclass(frozen=True, slots=True)
class LoggedPrediction:
    """What one request is told; one id and one prediction a row."""

    model: str
    version: int
    ids: list[str]
    predictions: list[Any]
    classes: list[Any] | None
    probabilities: Any
    scores: Any
    targets: list[str] | None


class Inference:
    """Predicts and logs.

    Small requests to a version are predicted together by a batcher: by the fast
    path on the event loop, or by the estimator in a thread. A large one has a
    thread of its own.

    Parameters
    ----------
    log : PredictionLog
    image : str
        `LABLOOP_IMAGE`, written to each line.
    threads : CapacityLimiter
        For large requests.
    """

    def __init__(self, log: PredictionLog, image: str, threads: CapacityLimiter) -> None:
        self._log = log
        self._image = image
        self._threads = threads
        self._fast_batchers: WeakKeyDictionary[LoadedModel, Batcher] = WeakKeyDictionary()
        self._batchers: WeakKeyDictionary[LoadedModel, Batcher] = WeakKeyDictionary()

    async def predict(self, model: LoadedModel, columns: Columns, client: str) -> LoggedPrediction:
        """Predict and log; the lines are written when this returns.

        Parameters
        ----------
        model : LoadedModel
        columns : Columns
            Checked by the model's signature.
        client : str
            Who asked, for the log.

        Raises
        ------
        ApiError
            The model, the rows or the log are at fault; there is no prediction.
        """
        pending = PendingRequest(model, columns, client)
        metrics.waiting.add(1, pending.rows)
        try:
            if pending.rows > FAST_ROWS:
                return await self._alone(pending)
            return await self._together(pending)
        finally:
            metrics.waiting.add(-1, -pending.rows)

    def predict_soon(self, model: LoadedModel, columns: Columns, client: str, tell: Tell) -> bool:
        """Predict a small request together with those that come with it, by a quick model.

        `tell` gets its prediction, which is in the log, or whatever kept it from being given; then
        nothing is in the log.

        Returns
        -------
        is_taken : bool
            False if the request or the model is not of this kind; then nobody is told.
        """
        pending = PendingRequest(model, columns, client)
        if pending.rows > FAST_ROWS or not model.is_quick:
            return False
        metrics.waiting.add(1, pending.rows)

        def done(result: Any) -> None:
            metrics.waiting.add(-1, -pending.rows)
            tell(result)

        is_inline = self._is_inline(model)
        batcher = self._fast_batcher(model) if is_inline else self._batcher(model)
        batcher.add(pending, done)
        return True

    def _is_inline(self, model: LoadedModel) -> bool:
        return model.is_quick and self._log.sync != "always"

    def _fast_batcher(self, model: LoadedModel) -> Batcher:
        if (batcher := self._fast_batchers.get(model)) is None:
            batcher = Batcher(self._predict_fast, inline=True, rows=FAST_ROWS)
            self._fast_batchers[model] = batcher
        return batcher

    def _batcher(self, model: LoadedModel) -> Batcher:
        if (batcher := self._batchers.get(model)) is None:
            batcher = Batcher(self._predict, inline=False, rows=BATCH_ROWS)
            self._batchers[model] = batcher
        return batcher

    async def _alone(self, pending: PendingRequest) -> LoggedPrediction:
        [given] = await to_thread.run_sync(self._predict, [pending], limiter=self._threads)
        if isinstance(given, Exception):
            raise given
        return given

    async def _together(self, pending: PendingRequest) -> LoggedPrediction:
        model = pending.model
        if self._is_inline(model):
            fast: LoggedPrediction | None = await self._fast_batcher(model).ask(pending)
            if fast is not None:
                return fast
        given: LoggedPrediction = await self._batcher(model).ask(pending)
        return given

    def _predict_fast(self, batch: list[PendingRequest]) -> list[LoggedPrediction | None]:
        """Predict by the fast path; None where that, or the log, would keep the event loop."""
        model = batch[0].model
        try:
            with pulse.computing(model.label):
                predictions = model.predictor.fast(_merged(batch))
            return [*self._logged(batch, predictions, wait=False)]
        except (NoFastPathError, LogBusyError):
            if len(batch) == 1:
                return [None]
        return [given for each in batch for given in self._predict_fast([each])]

    def _predict(self, batch: list[PendingRequest]) -> list[LoggedPrediction | Exception]:
        """Predict by the estimator, or by the fast path where it has one."""
        model = batch[0].model
        if len(batch) > 1 and model.signature.widening:
            alike = model.signature.alike(pending.columns for pending in batch)
            if len(alike) > 1:
                apart: dict[int, LoggedPrediction | Exception] = {}
                for places in alike:
                    given = self._predict([batch[place] for place in places])
                    apart |= zip(places, given, strict=True)
                return [apart[place] for place in range(len(batch))]
        try:
            with pulse.computing(model.label):
                predictions = model.predictor(_merged(batch))
        except Exception as error:  # whatever a user's estimator raises
            if len(batch) == 1:
                return [error]
            return [given for each in batch for given in self._predict([each])]
        return [*self._logged(batch, predictions)]

    def _logged(
        self, batch: list[PendingRequest], predictions: Predictions, wait: bool = True
    ) -> list[LoggedPrediction]:
        """Return each request's part of the predictions, all of them logged with one write."""
        ids = prediction_ids(len(predictions.predictions))
        time = now()
        parts, lines, start = [], [], 0
        for pending in batch:
            part = _part(pending.model, predictions, ids, start, start + pending.rows)
            parts.append(part)
            lines.append(self._line(pending, part, time))
            start += pending.rows
        self._log.write(lines, wait)
        done = perf_counter()
        model = batch[0].model
        metrics.predicted(model.name, model.version, start, [done - each.began for each in batch])
        return parts

    def _line(self, pending: PendingRequest, part: LoggedPrediction, time: str) -> bytes:
        signature = pending.model.signature
        fields: Request = {
            **pending.model.heading,  # type: ignore[typeddict-item]
            "time": time,
            "image": self._image,
            "client": pending.client,
            "latency_ms": round((perf_counter() - pending.began) * 1000, 3),
            "inputs": signature.logged(pending.columns),
            "ids": part.ids,
            "predictions": part.predictions,
            "classes": part.classes,
            "probabilities": part.probabilities,
            "targets": part.targets,
            "marks": signature.marks(pending.columns),
        }
        if part.scores is not None:
            fields["scores"] = part.scores
        return encode(fields)


def _merged(batch: list[PendingRequest]) -> Columns:
    """Put the rows of all requests under each other."""
    if len(batch) == 1:
        return batch[0].columns
    return {
        name: [value for pending in batch for value in pending.columns[name]]
        for name in batch[0].columns
    }


def _part(
    model: LoadedModel, predictions: Predictions, ids: list[str], start: int, stop: int
) -> LoggedPrediction:
    """Take one request's rows out of the predictions for a batch."""
    probabilities, scores = predictions.probabilities, predictions.scores
    return LoggedPrediction(
        model=model.name,
        version=model.version,
        ids=ids[start:stop],
        predictions=predictions.predictions[start:stop],
        classes=model.signature.output.classes,
        probabilities=None if probabilities is None else probabilities[start:stop],
        scores=None if scores is None else scores[start:stop],
        targets=model.signature.output.targets,
    )
