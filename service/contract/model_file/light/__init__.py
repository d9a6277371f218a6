"""The light copy: what of an estimator goes into its file, and advice for what cannot go.

Predict never calls a scorer or a splitter, so they stay out. The user's estimator is not changed.
No row passes here. Imports the allow-list and the attributes.
"""
