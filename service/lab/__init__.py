"""The notebook side: `Lab` publishes, asks, and reads the log back.

Examples
--------
>>> from service.lab import Lab
>>> lab = Lab(api_url="http://127.0.0.1:9")
>>> lab
Lab(api_url='http://127.0.0.1:9')
"""

from service.lab.lab import Lab

__all__ = ["Lab"]
