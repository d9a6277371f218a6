"""Your trusted types: classes of further libraries that models may hold.

scikit-learn, XGBoost, LightGBM and imbalanced-learn need nothing here. For another library, add
it to `pyproject.toml`, so that both sides have it, and name its classes here, each where it is
defined: ``"category_encoders.target_encoder.TargetEncoder"``. If a class is missing here,
`lab.publish` names it. docs/models.md has the steps for some libraries.

What you trust by that: every method of the class, with attributes that a model file chooses. So
name no class that could start a program, open a file or a connection, or import by name because
of its attributes. A module named here is imported when a model needs it, not before.
"""

TRUSTED: tuple[str, ...] = ()
