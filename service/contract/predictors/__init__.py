"""Predictors: checked columns in, predictions out, exactly as the estimator gives them.

Where a fast path was proved against the estimator it is used, and else the estimator itself. The
API predicts a request by them, and the lab a part of a large data set. Imports `service.contract`.
"""
