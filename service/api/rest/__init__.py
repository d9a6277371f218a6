"""REST: the API's own routes under `/`, and their OpenAPI document.

A row comes in as query parameters or JSON, and leaves as JSON. Imports `state`, and every room
below it: `edge`, `inference`, `registry`, `log`, `metrics`.
"""
