"""The client: a table goes to the API in requests, and comes back as a table of predictions.

Imports `service.contract` alone.
"""
