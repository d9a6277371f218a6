"""Drift: the log of a version, compared with the summary of its training data.

`measurement` takes the columns one by one, `numbers`, `categories` and `texts` compare them by
kind, and `drift` and `picture` show what came out. Imports `service.contract` and `lab.reports`.
"""
