"""What a class's own code assigns is read from its bytecode, however long the code is."""

from service.contract.model_file.surface.assigned import assigned_by

NAMES = [f"a{number}" for number in range(70_000)]  # the numbers of the last ones need three bytes


def test_each_of_many_names_is_found() -> None:
    lines = [f"  self.{name} = 1" for name in NAMES]
    content: dict[str, type] = {}
    exec("\n".join(["class Wide:", " def fit(self, other):", *lines, "  other.a = 2"]), content)
    assert assigned_by(content["Wide"]) == {*NAMES, "a"}


class Nested:
    def fit(self) -> None:
        self.outer_ = self.read

        def inner() -> None:
            self.inner_ = 1

        inner()

    @property
    def read(self) -> int:
        self.seen_ = 2
        return self.seen_


def test_code_within_code_is_read() -> None:
    assert assigned_by(Nested) == {"outer_", "inner_", "seen_"}
