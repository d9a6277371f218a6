"""The prediction log's writer: a prediction comes in, and leaves as a line of a segment on disk.

Feedback is written by the same way. Retention deletes what is too old, or `shipper` brings what is
sealed to an object store. Imports `metrics` and `processes`.
"""
