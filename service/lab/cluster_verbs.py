"""Cluster verbs: those verbs of `Lab` that compute in many processes."""

from service.lab.cluster.cluster import Cluster, start
from service.lab.log_verbs import LogBook


class ClusterVerbs(LogBook):
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
