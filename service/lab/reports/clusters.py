"""Clusters: what can be said about groups whose numbers are given anew by each training."""

import pandas as pd
from sklearn.metrics import adjusted_rand_score

NO_TRUTH = (
    "It is a clustering: its clusters are numbered as they were found, so there is no right answer "
    "to compare them with. `lab.drift` shows whether the clusters still have their shares."
)


def alike(versions: pd.Series, logged: pd.Series, new: pd.Series) -> str:
    """Say how alike the logged groups of each version are to the new ones, whatever their numbers.

    Parameters
    ----------
    versions : Series of shape (n_rows,)
        Which version predicted each logged row.
    logged, new : Series of shape (n_rows,)

    Examples
    --------
    >>> versions = pd.Series([1, 1, 1, 1])
    >>> alike(versions, pd.Series([0, 0, 1, 1]), pd.Series([5, 5, 2, 2])).partition(". ")[2]
    'Adjusted Rand index of the groups (1 if they are the same, about 0 by chance): 1.000 with ...'
    """
    found = [
        f"{adjusted_rand_score(logged[rows], new[rows]):.3f} with version {version}"
        for version, rows in versions.groupby(versions).groups.items()
    ]
    return (
        "The numbers of clusters mean nothing across versions. Adjusted Rand index of the groups "
        f"(1 if they are the same, about 0 by chance): {', '.join(found)}."
    )
