"""Places: where a result can be, a folder or below a URL in an object store.

Imports `service.contract`.
"""
