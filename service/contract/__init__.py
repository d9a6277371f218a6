"""What both sides agree on. It imports no web framework, nothing of notebooks, and no other side.

Settings, errors, tables and files are here; `model` is a published version, `model_file` the file
that holds its estimator, `predictors` what predicts by it, `log` a line of the prediction log. A
row comes in as a request or a table, and leaves as columns that its model's signature has checked.
"""
