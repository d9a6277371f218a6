"""LightGBM files: every booster passes; what leads nowhere is refused before LightGBM reads it."""

import re
from collections.abc import Callable

import pytest

from service.contract.errors import ArtifactError
from service.contract.libraries import lightgbm_file
from tests.contract.libraries.fitted import lightgbm_models

MODELS = lightgbm_models()


def content(name: str) -> bytes:
    return lightgbm_file.dump(MODELS[name].estimator.booster_)


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_passes(name: str) -> None:
    lightgbm_file.check(content(name))


def first(key: str, old: str, new: str) -> Callable[[bytes], bytes]:
    """Replace a word in the first line with a key, and tell the sizes of the trees."""

    def alter(whole: bytes) -> bytes:
        text = whole.decode()
        line = re.search(rf"^{key}=.*$", text, re.MULTILINE)
        assert line is not None
        changed, count = re.subn(old, new, line[0].partition("=")[2], count=1)
        assert count == 1, line[0]
        text = text[: line.start()] + f"{key}={changed}" + text[line.end() :]
        return with_sizes(text)

    return alter


def with_sizes(text: str) -> bytes:
    head, _, rest = text.partition("\n\n")
    blocks = re.split(r"(?=^Tree=\d+\n|^end of trees\n)", rest, flags=re.MULTILINE)[1:-1]
    sizes = " ".join(str(len(block.encode())) for block in blocks)
    return (re.sub(r"tree_sizes=.*", f"tree_sizes={sizes}", head) + "\n\n" + rest).encode()


ALTERED: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("number", first("left_child", r"^\S+", "0")),
    ("number", first("left_child", r"^\S+", "99999999")),
    ("number", first("right_child", r"^\S+", "-99")),
    ("number", first("right_child", r"\S+$", "-1")),
    ("number", first("split_feature", r"^\S+", "4")),
    ("number", first("split_feature", r"^\S+", "-1")),
    ("number", first("leaf_value", r"^\S+ ", "")),
    ("number", first("threshold", r"^\S+ ", "")),
    ("number", first("num_leaves", r"^\S+", "1000000000")),
    ("number", first("num_leaves", r"^\S+", "0")),
    ("number", first("max_feature_idx", r"^\S+", "9")),
    ("number", first("num_tree_per_iteration", r"^\S+", "3")),
    ("number", first("objective", r"^\S+", "regression num_class:5")),
    ("three-classes", first("objective", r"num_class:3", "num_class:9")),
    ("three-classes", first("num_class", r"3", "9")),
    ("number", first("feature_names", r"^\S+ ", "")),
    ("number", first("version", r"v4", "v9")),
    ("number", lambda whole: re.sub(rb"tree_sizes=\d+", b"tree_sizes=999999", whole)),
    ("number", lambda whole: re.sub(rb"tree_sizes=(\d+)", rb"tree_sizes=-\1", whole)),
    ("number", lambda whole: whole.replace(b"\nmax_", b"\nnum_class=1\nmax_", 1)),
    ("number", lambda whole: whole + b"parameters:\n[machines: x]\nend of parameters\n"),
    ("number", lambda whole: whole[:-30]),
    ("number", lambda whole: b""),
    ("categories", first("cat_boundaries", r"\S+$", "999999")),
    ("categories", first("cat_threshold", r"^\S+", "")),
    ("categories", first("num_cat", r"\S+", "0")),
    ("lines-in-leaves", first("num_features", r"^\S+", "77")),
    ("lines-in-leaves", lambda whole: re.sub(rb"(leaf_features=.*)\d", rb"\g<1>9", whole)),
]


@pytest.mark.parametrize(("name", "alter"), ALTERED)
def test_altered_boosters_are_refused(name: str, alter: Callable[[bytes], bytes]) -> None:
    altered = alter(content(name))
    assert altered != content(name)
    with pytest.raises(ArtifactError, match=r"A booster of LightGBM is damaged: .*Publish again\."):
        lightgbm_file.check(altered)
