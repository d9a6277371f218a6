"""The curves, a file for what grows; `benchmarks.parts` has their order."""
