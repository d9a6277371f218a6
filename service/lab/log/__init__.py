"""The log's reader: segments become a copy in DuckDB's files, and the copy a DataFrame.

A line comes in by `segment_lines` and leaves by `reader`. Nothing in the log is trusted. Imports
`service.contract` and `lab.client`.
"""
