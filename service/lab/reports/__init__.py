"""Reports: drift, quality and replay, each a table with notes and a picture.

Logged predictions come in as the DataFrame of `lab.log.reader`, and leave as a `Report`. Imports
`service.contract`, `lab.log` and `lab.client`.
"""
