"""V2: the routes of the Open Inference Protocol, under `/v2`, and their OpenAPI document.

A row comes in as tensors (`input_tensors`), and leaves as tensors (`output_tensors`). Imports the
same rooms as `rest`, of which it knows nothing.
"""
