"""Model files made by hand, each to do something that no model should.

A case is a function that gives a file's content. `acts` says that plain skops,
told to trust the types that the file names, lets it act: while it is loaded, or
once it is asked. The rest are doors beside those, which nobody may open either.
"""

from tests.contract.model_file.crafted import archive, attributes, functions, nodes, surface
from tests.contract.model_file.crafted.case import CASES, Case

__all__ = ["CASES", "Case", "archive", "attributes", "functions", "nodes", "surface"]
