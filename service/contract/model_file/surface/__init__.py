"""The surface: what of scikit-learn and NumPy a model file may hold, by rule.

The rules read the versions that are installed, so nobody keeps lists of names. No row passes
here. Imports nothing of ours.
"""
