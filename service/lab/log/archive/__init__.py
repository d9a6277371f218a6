"""The archive of logs: read the logs of many replicas, whose segments are in an object store.

`archive` lists what is there, and has the replicas that live ship what they have; `copy` keeps the
same copy of it as of a log on this machine. Imports `service.contract`, `lab.log.segment`, and the
files of `lab.log`.
"""
