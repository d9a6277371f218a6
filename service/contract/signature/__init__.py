"""The signature: what a model takes and what it predicts.

A training table comes in by `signature`, which describes each column as a `feature` and what is
predicted as an `output`. The row of a request is checked by it, and predicted by `predictions`.
Imports `service.contract`, and no other room.
"""
