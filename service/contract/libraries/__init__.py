"""Libraries: what models may hold of XGBoost, LightGBM, imbalanced-learn and libraries of the user.

A booster of them is a file of its own beside the model file, in the library's own format: taken
out when a model is written (`boosters`), checked in Python before the library reads it
(`xgboost_file`, `lightgbm_file`). No row passes here. Imports `service.contract`, and no other
room.
"""
