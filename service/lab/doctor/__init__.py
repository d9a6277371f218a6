"""The doctor: check everything that the loop needs, and say what to do.

`doctor` calls the checks, and each check returns findings; no row passes here. Imports
`service.contract`, `lab.client`, `lab.log` and `lab.reports`.
"""
