"""Place: where something is in a model file, and what belongs there."""

from typing import Any, NamedTuple

from service.contract.libraries import trusted
from service.contract.model_file import attributes
from service.contract.model_file.archive import refuse
from service.contract.text import show


class Place(NamedTuple):
    """An attribute of an object of a class; without an attribute, the file itself.

    Parameters
    ----------
    owner : type
    attribute : str
    plain : bool
        Only values belong here, neither objects nor functions.

    Raises
    ------
    ArtifactError
        In its methods: something does not belong here.

    Examples
    --------
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> place = Place.of(FunctionTransformer, "func")
    >>> place.check_function("numpy.log1p")
    """

    owner: type = object
    attribute: str = ""
    plain: bool = False

    @classmethod
    def of(cls, owner: type, attribute: str) -> "Place":
        """Return the place of an attribute; refuse one that the class does not have."""
        if attribute not in attributes.allowed(owner) and not trusted.takes(owner, attribute):
            refuse(
                f"{owner.__name__} holds the attribute {attribute!r}, which an object of this "
                "class does not have"
            )
        return cls(owner, attribute)

    def check_function(self, name: str) -> None:
        """Check that a function belongs here."""
        if self.plain or not attributes.takes_functions(self.owner, self.attribute):
            refuse(f"{self} holds {name}, and no function belongs there")

    def check_object(self, kind: type) -> None:
        """Check that an object of a class belongs here."""
        if self.plain or not attributes.takes_object(self.owner, self.attribute, kind):
            refuse(f"{self} holds a {kind.__name__}, which does not belong there")

    def check_value(self, value: Any) -> None:
        """Check a value by which scikit-learn may call or open something."""
        if not attributes.takes_value(self.owner, self.attribute, value):
            refuse(
                f"{self} is {show(value)}, by which scikit-learn would call or open something else"
            )

    def __str__(self) -> str:
        if self.plain:
            return "a place for plain values"
        return f"{self.owner.__name__}.{self.attribute}" if self.attribute else "the file itself"


ROOT = Place()
PLAIN = Place(plain=True)
