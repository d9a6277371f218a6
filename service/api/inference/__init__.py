"""Inference: a model and checked columns in, a logged prediction out.

Small requests are computed together by the `batcher`; each prediction is in the log before it
leaves. It knows nothing of HTTP. Imports `registry`, `predictors`, `log`, `metrics`, `processes`.
"""
