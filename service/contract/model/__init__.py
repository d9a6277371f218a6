"""A published version: what a model takes and predicts, the version's files, and their store.

A training table comes in by `signature`, `golden` and `baseline`, and leaves as the files of a
version (`manifest`, `checksums`, `store`). The row of a request is checked by `signature` and
predicted by `predictions`. Imports `service.contract`, and no other room.
"""
