"""Publish: a fitted estimator and its table become a version, and the API comes to serve it.

Imports `service.contract` and `lab.client`.
"""
