"""Labloop: a notebook publishes a model, an API serves it, its log comes back as a table.

`api` and `lab` are the two sides; they import `contract` and `features`, and never each other. What
passes between them are files and HTTP.
"""
