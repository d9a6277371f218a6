"""Data: the files of a data set, cut into parts that are each read at once.

A path comes in, and leaves as parts; a part leaves as a table. Imports `service.contract`,
`log` and `places`.
"""
