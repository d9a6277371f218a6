"""Publish: check a fitted estimator, write it as a version, and wait until the API serves it.

The training table comes in by `publication` and leaves as the files of a version. Imports
`service.contract` and `lab.client`.
"""
