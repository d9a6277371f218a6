"""The registry: which versions are served now, and how another comes to be served.

It polls the model store, has a new version validated in another process (`validation_process`,
`validator`, `validation`), and then replaces one reference. No row comes here but golden ones.
Imports `predictors`, `metrics` and `processes`.
"""
