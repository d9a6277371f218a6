"""The prediction log on disk: the bytes of a line, and the names of the files that hold lines.

The API writes with `line` and `segment`, and the lab reads with the same two. Imports
`service.contract` and `contract.model`.
"""
