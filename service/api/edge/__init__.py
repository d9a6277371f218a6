"""The edge: what a request passes before its route, and how any response is written.

A client's bytes come in by `connection`; `access` looks at the head, `admission` counts what waits,
`body` and `requests` read the rest, and `responses` writes what goes back. It knows no model.
Imports `service.contract` and `api.processes`.
"""
