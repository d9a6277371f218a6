"""No fast path: why an estimator, or some rows, are left to scikit-learn itself."""


class NoFastPathError(Exception):
    """There is no fast path for an estimator, or not for these rows; the text says why."""
