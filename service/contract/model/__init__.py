"""A published version: what is known about a model, the version's files, and their store.

A training table comes in by `golden` and `baseline`, and leaves as the files of a version
(`manifest`, `checksums`, `store`). Imports `service.contract` and `contract.signature`.
"""
