"""The model's file: an estimator is written to it and read from it, and nothing in it ever runs.

The tree in the file is looked at before anything is built (`archive`, `tree`, `allow_list`,
`attributes`, `place`), and what was built is looked at again (`structure`, `object_graph`).
No row comes here. Imports `service.contract` and `contract.model`.
"""
