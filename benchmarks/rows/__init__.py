"""The rows of the table, a file for each part; `benchmarks.parts` has their order."""
