"""The prediction log on disk: the bytes of a line, and the names of the files that hold them.

The API writes by `line` and `segment`, and the lab reads by the same two. Imports
`service.contract`, and no other room.
"""
