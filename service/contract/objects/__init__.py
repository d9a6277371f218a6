"""Objects: an object store (S3, or what speaks it) behind one small class.

Keys and contents go in and come out; `Objects` knows nothing of models or of the log. Every failure
becomes a `StoreError` that names the URL and the next step. Only who has such a URL imports this.
Imports nothing of the other rooms.
"""
