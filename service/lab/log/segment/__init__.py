"""The segments of the log: each is copied to Parquet, a sealed one once, an open one as it grows.

A segment's bytes come in by `file`; `lines` sorts its lines by publication, and `copy` writes
them. `sealed` keeps the copies of sealed segments, `opened` those of open ones. Imports
`service.contract`, and the files of `lab.log` that know lines and columns.
"""
