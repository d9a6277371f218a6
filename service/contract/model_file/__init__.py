"""The model file: write an estimator and read it back, while nothing in the file runs.

The tree in the file is checked before anything is built (`archive`, `tree`), and what was built
is checked again (`object_graph`, `structure`), both under one allow-list. The list follows from
scikit-learn by the rules in `surface/`. `light/` makes what is written: a copy without what
predict never calls. No row passes here. Imports `service.contract`, and no other room.
"""
