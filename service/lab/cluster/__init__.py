"""The cluster: processes, here or on other machines, that compute for a notebook, by Dask.

scikit-learn's searches and forests, and `Lab.score`, enter as tasks, and leave as results. Imports
`service.contract` alone.
"""
