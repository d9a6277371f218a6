"""Fork: one process has the libraries imported, and workers and validations are forks of it.

They share its memory and start at once. Imports the rest of `processes`. No row comes here.
"""
