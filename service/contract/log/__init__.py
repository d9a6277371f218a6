"""The prediction log on disk: the bytes of a line, and the names of the files that hold lines.

The API writes with `line` and `segment`, and the lab reads with the same two. `archive` names the
parts of an object store that has the segments of many logs. Imports `service.contract` and
`contract.model`.
"""
