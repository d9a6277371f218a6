"""Processes: the supervisor and its workers, what they know of each other, and how each ends.

It knows neither HTTP nor models, and imports `service.contract` alone. No row comes here.
"""
