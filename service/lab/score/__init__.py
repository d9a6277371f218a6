"""Scoring: a data set that may be larger than memory, predicted part by part into Parquet files.

A table or files (`data`) are cut into parts (`plan`). Each part is read, checked, predicted and
written by one task (`part`), here or on a cluster (`scoring`). What is written is read back like
the log (`scored`). Imports `service.contract`, `client`, `cluster`, `log` and `reports`.
"""
