"""The page for people at `/`: its files in `static/`, and the routes that send them.

Its data is the API's own, asked for by the browser. Imports `state`.
"""
