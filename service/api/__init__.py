"""The FastAPI side. A request passes its rooms in this order, and no other way.

`edge` takes its bytes in, looks at its head and counts it; `rest` or `v2` reads its rows by the
signature of a model from the `registry`; `inference` has them predicted and written
to the `log`; `rest` or `v2` responds. `processes` and `metrics` stand below them all;
`state`, `openapi`, `app`, `server` and `worker` put them together.
"""
