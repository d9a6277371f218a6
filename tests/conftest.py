from tests.stack import checkout, engine, stack  # noqa: F401
