"""SQL is made of constants and quoted names."""

import ast

import pytest

from tests.support.live import CHECKOUT

SQL_CALLS = {"execute", "executemany", "sql", "query", "from_query", "view"}
# `lab.sql` and what it calls: that is the user's own.
OWN_SQL = {
    ("log_verbs.py", "log_reader.sql(self._log, query)"),
    ("reader.py", "database.execute(query)"),
}
FROM_OUTSIDE = ast.Attribute(ast.Name("outside"), "text")


def is_fixed(text: ast.expr, function: ast.AST) -> bool:
    """Whether nothing but constants, `quoted(...)` and `int(...)` makes up a text."""
    match text:
        case ast.Constant():
            return True
        case ast.Name(id=name) if name.isupper():
            return True
        case ast.Name(id=name):
            return all(is_fixed(value, function) for value in given(name, function))
        case ast.Call(func=ast.Name(id="quoted" | "int")):
            return True
        case ast.Call(func=ast.Attribute(attr="join", value=ast.Constant()), args=[parts]):
            return is_fixed(parts, function)
        case ast.JoinedStr(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            return all(is_fixed(part, function) for part in parts)
        case ast.ListComp(elt=part) | ast.GeneratorExp(elt=part) | ast.FormattedValue(value=part):
            return is_fixed(part, function)
    return False


def given(name: str, function: ast.AST) -> list[ast.expr]:
    """List what a function puts into a name; what it is given from outside is not fixed."""
    values: list[ast.expr] = []
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                values.append(value)
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=several)):
                pairs = zip(targets, several, strict=True)
                values += [v for t, v in pairs if isinstance(t, ast.Name) and t.id == name]
            case ast.AugAssign(target=ast.Name(id=target), value=value) if target == name:
                values.append(value)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=target), attr="append"), args=[value]
            ) if target == name:
                values.append(value)
            case ast.arg(arg=target) if target == name:
                values.append(FROM_OUTSIDE)
    return values or [FROM_OUTSIDE]


def sql_of(source: str) -> list[tuple[str, bool]]:
    """List the calls that take SQL, and whether their SQL is fixed."""
    found = []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in SQL_CALLS
                and node.args
            ):
                found.append((ast.unparse(node), is_fixed(node.args[0], function)))
    return found


def test_sql_is_fixed_or_quoted() -> None:
    found = [
        (path.name, *call)
        for path in (CHECKOUT / "service").rglob("*.py")
        if "duckdb" in (source := path.read_text()).casefold()
        for call in sql_of(source)
    ]
    assert len(found) > 15
    assert {(file, call) for file, call, fixed in found if not fixed} == OWN_SQL


@pytest.mark.parametrize(
    "line",
    [
        'db.execute(f"SELECT {name}")',
        'db.sql("SELECT " + name)',
        'query = f"SELECT {quoted(name)} FROM {table}"; db.execute(query)',
        'parts = ["a"]; parts.append(name); db.execute(f"SELECT {\', \'.join(parts)}")',
        'db.execute("SELECT %s" % name)',
        'db.execute("SELECT {}".format(name))',
    ],
)
def test_sql_from_outside_is_seen(line: str) -> None:
    [(_, fixed)] = sql_of(f"def ask(db, name, table):\n    {line}")
    assert not fixed
