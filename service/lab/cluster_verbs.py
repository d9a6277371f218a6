"""Cluster verbs: those verbs of `Lab` that compute in many processes."""

from pathlib import Path
from typing import Any

from service.lab.cluster.cluster import Cluster, start
from service.lab.report_verbs import ReportVerbs
from service.lab.score.outcome import Outcome
from service.lab.score.places.opening import place_at
from service.lab.score.plan import make_plan
from service.lab.score.scoring import run
from service.lab.score.trial import try_out


class ClusterVerbs(ReportVerbs):
    """What is computed in many processes, here or on other machines.

    Parameters
    ----------
    settings : Settings
    """

    def cluster(self, workers: int | None = None) -> Cluster:
        """Connect to a cluster of worker processes, on which scikit-learn then fits.

        In a ``with`` block, searches, cross-validation and forests of scikit-learn send their fits
        to the workers, without a change to their code. At the end of the block the cluster is left,
        and ended if it was started here.

        Parameters
        ----------
        workers : int, optional
            How many processes to start on this machine, if `DASK_SCHEDULER_ADDRESS` names no
            scheduler; by default one for each core.

        Returns
        -------
        Cluster
            A client of Dask (https://distributed.dask.org), for what else is to be computed there.
            In a notebook it shows its workers, their memory, and a link to its dashboard.

        Raises
        ------
        ClusterError
            There is no scheduler at `DASK_SCHEDULER_ADDRESS`, it has no workers, or their versions
            differ from the notebook's; the text says what to do.

        Examples
        --------
        >>> from sklearn.linear_model import Ridge
        >>> from sklearn.model_selection import GridSearchCV
        >>> from service.lab import Lab
        >>> search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2)
        >>> with Lab(dask_scheduler_address="").cluster(workers=1):
        ...     search.fit([[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0]).best_params_
        {'alpha': 0.1}
        """
        return start(self.settings, workers)

    def score(
        self,
        name: str,
        data: Any,
        out: str | Path,
        version: int | None = None,
        *,
        check_only: bool = False,
    ) -> Outcome:
        """Predict a data set of any size, part by part, into Parquet files.

        Each part is read, checked by the model's signature, predicted as the API would predict it,
        and written at once. The parts are computed on the cluster of the ``with`` block of
        `cluster`, or else on one that is started for this. A call that was interrupted is repeated
        to go on: parts that are done are not done again.

        Parameters
        ----------
        name : str
            The model.
        data : str, Path, sequence of these, or any table that `predict` takes
            CSV or Parquet files: a file, a folder, whose folders may be called ``year=2026``, or a
            pattern such as ``data/*.parquet``, also in an object store. They may be larger than
            memory. Columns that are no features are kept in the result.
        out : str or Path
            A folder for the result, which all workers can write to, or a place in an object store,
            e.g. ``s3://bucket/scores``.
        version : int, optional
            The version that predicts; by default the live one.
        check_only : bool
            Whether to say what would happen, in seconds, and write nothing.

        Returns
        -------
        Outcome
            Its table has a row for each reason for which rows were refused. In `out`, files
            ``part-….parquet`` have row (its number in the data set), file, prediction, score, a
            proba_<class> for each class, model, version, digest, time, and the columns of the data
            set without private features. Rows that do not fit are in the folder ``_refused`` there,
            with the reason.

        Raises
        ------
        ScoringError
            There are no such files, they differ in their columns, another run writes to `out`, or
            it has other files.
        InputError
            A feature has no column.
        ClusterError
            There is no scheduler, or a worker does not see the files.

        Examples
        --------
        >>> from tempfile import mkdtemp
        >>> from service.lab import Lab
        >>> Lab(models_dir=mkdtemp()).score("iris", "data/*.parquet", "scores", version=1)
        Traceback (most recent call last):
            ...
        service.contract.errors.NotFoundError: There is no model 'iris'; published: none yet.
        """
        version = version or self._live(name)
        plan = make_plan(self._store, name, version, data)
        return (try_out if check_only else run)(self.settings, plan, place_at(out))
