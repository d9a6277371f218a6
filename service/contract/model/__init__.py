"""A published version: what it takes and gives, the files that hold it, and the store of them all.

A table comes in when a model is published (`signature`, `golden`, `baseline`) and leaves as the
files of a version (`manifest`, `checksums`, `store`). A request's row is checked by `signature` and
answered by `predictions`. Imports `service.contract`, and no other room.
"""
