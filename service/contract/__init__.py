"""What both sides agree on; it knows neither web framework nor notebook.

Here are settings, errors and files; `model` is a published version, `model_file` the file that
holds its estimator, `log` a line of the prediction log.
"""
