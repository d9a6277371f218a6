"""Labloop: a notebook publishes a model, an API serves it, its log comes back as a table."""
