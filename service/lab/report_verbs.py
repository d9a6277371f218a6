"""Report verbs: those verbs of `Lab` that compute something from logged or scored predictions."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from service.contract.errors import ArtifactError, InputError, NotFoundError
from service.contract.model import baseline
from service.lab.log import reader as log_reader
from service.lab.log_verbs import LogBook, When
from service.lab.reports import quality, replay
from service.lab.reports.drift.drift import Drift
from service.lab.reports.drift.measurement import measure
from service.lab.reports.quality import Quality
from service.lab.reports.replay import Replay
from service.lab.score.places.opening import place_at
from service.lab.score.scored import ScoredRows


class ReportVerbs(LogBook):
    """What is computed from predictions.

    Parameters
    ----------
    settings : Settings
    """

    def drift(
        self,
        name: str,
        since: When = None,
        until: When = None,
        version: int | None = None,
        scored: str | Path | None = None,
    ) -> Drift:
        """Compare a version's logged inputs and predictions with its training data.

        Parameters
        ----------
        name : str
            The model.
        since, until : str or Timestamp, optional
            From when, and before when, as in `predictions`.
        version : int, optional
            By default the live one.
        scored : str or Path, optional
            The result of `score`: what is in it is compared, instead of the log.

        Returns
        -------
        Drift
            A table with a row a feature, notes, and a picture; see
            `service.lab.reports.drift.measurement.measure`.

        Raises
        ------
        NotFoundError
            There is no such model or version, or none is live.
        ScoringError
            `scored` is no complete result of this model.
        """
        if scored is not None:
            _refuse_window(since=since, until=until, version=version)
            return ScoredRows(self._store, name, place_at(scored)).drift()
        version = version or self._live(name)
        manifest = self._store.manifest(name, version)
        summary = baseline.read(self._store.folder(name, version))
        return measure(self.predictions(name, since, until, version), summary, manifest)

    def quality(
        self,
        name: str,
        since: When = None,
        until: When = None,
        every: str | None = None,
        scored: str | Path | None = None,
        truth: Any = None,
    ) -> Quality:
        """Measure how good a model's predictions were over time, where the truth is known.

        Parameters
        ----------
        name : str
            The model. All its versions are measured, each by its own classes and targets.
        since, until : str or Timestamp, optional
            From when, and before when, as in `predictions`.
        every : str, optional
            The length of a step in time, e.g. "1h"; by default there are about 20 steps.
        scored : str or Path, optional
            The result of `score`: what is in it is measured, instead of the log.
        truth : str or array-like of shape (n_rows,), optional
            With `scored`, the true values: the name of a column of the data set, or one for each of
            its rows, in their order.

        Returns
        -------
        Quality
            A table with a row a step, notes, and a picture; see
            `service.lab.reports.quality.measure`.

        Raises
        ------
        NotFoundError
            There is no such model, or none is live.
        ScoringError
            `scored` is no complete result of this model, or `truth` does not fit it.
        """
        if scored is not None:
            _refuse_window(since=since, until=until, every=every)
            return ScoredRows(self._store, name, place_at(scored)).quality(truth)
        if truth is not None:
            raise InputError(
                "`truth` is for the result of lab.score: name it by `scored`. The log learns true "
                "values by lab.feedback(ids, truth)."
            )
        live = self._live(name)
        manifests = {live: self._store.manifest(name, live)}
        for version in self._store.versions(name):
            with suppress(ArtifactError):  # its lines say what it predicts
                manifests[version] = self._store.manifest(name, version)
        self._check_place()
        logged = log_reader.read_apart(self._log, name, since, until)
        return quality.measure(logged, manifests, live, every)

    def replay(self, name: str, version: int, last: int = 1000) -> Replay:
        """Let another version predict the latest logged inputs, and show where it disagrees.

        It predicts in this process, and nothing is logged. Rows of versions with other features
        or classes are replayed where they can be; the notes say how many are left out, and why.

        Parameters
        ----------
        name : str
            The model.
        version : int
            The version that predicts.
        last : int
            How many of the latest predictions are replayed.

        Returns
        -------
        Replay
            A table with a row a disagreement, notes, and a picture; see
            `service.lab.reports.replay.run`.

        Raises
        ------
        NotFoundError
            There is no such model or version.
        LabloopError
            The log has no row that this version can predict; the text says why.
        """
        self._store.check(name, version)
        self._check_place()
        logged = log_reader.read_apart(self._log, name, last=last)
        return replay.run(self._store, name, version, logged)

    def _live(self, name: str) -> int:
        self._check(name)
        live, versions = self._store.aliases(name).live, self._store.versions(name)
        if live is None:
            raise NotFoundError(
                f"Model {name!r} has no live version; "
                f"published: {', '.join(map(str, versions)) or 'none'}. "
                f"lab.promote({name!r}, version) makes one live."
            )
        return live


def _refuse_window(**parameters: Any) -> None:
    """Refuse what chooses from the log, where something else is read."""
    for name, value in parameters.items():
        if value is not None:
            raise InputError(f"`{name}` chooses from the log. Leave it out with `scored`.")
