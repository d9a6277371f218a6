"""Metrics: what all workers counted, for Prometheus. Imports `processes`. No row comes here."""
