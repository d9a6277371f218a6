"""Direct: what is asked most is answered in front of the application.

A request enters in `connection` and leaves there. Imports `edge`, `rest`, `v2` and `state`.
"""
