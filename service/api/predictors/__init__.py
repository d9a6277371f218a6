"""Predictors: checked columns in, predictions out, exactly as the estimator gives them.

Where a fast path was proved against the estimator it is used, and else the estimator itself.
Imports `service.contract` alone.
"""
