"""Search reports: what a search over parameters found, and how the score depends on each of them.

A fitted search of scikit-learn comes in with its `cv_results_`, and leaves as a `SearchReport`.
Imports `service.contract` and `lab.reports.report`.
"""
