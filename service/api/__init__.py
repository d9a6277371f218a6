"""The FastAPI side: routes, registry, prediction log writer."""
