"""The prediction log's writer: a prediction comes in, and leaves as a line of a segment on disk.

Feedback is written by the same way; retention deletes what is too old. Imports `metrics`.
"""
