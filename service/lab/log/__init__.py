"""The log: read the prediction log back as a table.

A line of the log comes in by `segment`, is checked before it is used, since anybody may have
written to the log, and becomes Parquet files in `copy`, or in `archive` if the log is in an object
store. `reader` returns them as a table.
Imports `service.contract` and `lab.client`.
"""
