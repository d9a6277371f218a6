"""Reports: drift, quality and replay, each a table with notes and a picture.

Logged rows come in as a DataFrame. Imports `service.contract`, `lab.log` and `lab.client`.
"""
