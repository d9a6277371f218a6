"""The figure of a drift report."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from service.lab.publish.publication import Publication
from service.lab.reports.drift.drift import Drift
from service.lab.reports.drift.measurement import measure
from tests.lab.reports.drift.measured import measured, published, some_rows
from tests.lab.reports.logged import logged, manifest_of
from tests.support.browser import new_browser
from tests.support.models import iris

# What a person sees.

LONG = "average_monthly_amount_in_local_currency_of_account"
WORDY = "A rather long name of a category, as people write it into a form,"
OUTPUT_WIDTH = 828  # of a cell in JupyterLab, where the window has 1280


@cache
def many() -> Drift:
    """Return 40 features with long names, most of them shifted, and one of them private."""
    random = np.random.default_rng(0)
    names = [f"{LONG}_{number:02d}" for number in range(40)]
    X = pd.DataFrame(random.normal(size=(400, 40)) * 1e6, columns=names)
    y = random.integers(0, 2, 400)
    publication = Publication("many", LogisticRegression().fit(X / 1e6, y), X, y, private=names[:1])
    log = logged(publication, X + np.linspace(0, 2e6, 40)).drop(columns=names[0])
    return measure(log, publication.baseline, manifest_of(publication))


@cache
def wordy() -> Drift:
    """Return 30 categories and 25 classes with long names."""
    random = np.random.default_rng(0)
    names = np.array([f"{WORDY} {number}" for number in range(30)])
    column = "the occupation of the person who filled in the form"
    X = pd.DataFrame({column: random.choice(names, 600), "count": random.integers(0, 3, 600)})
    encode = make_column_transformer((OneHotEncoder(), [column]), remainder="passthrough")
    y = names[random.integers(0, 25, 600)]
    fitted = make_pipeline(encode, LogisticRegression(max_iter=50)).fit(X, y)
    publication = Publication("wordy", fitted, X, y)
    rows = X.assign(**{column: random.choice(names[:4], 600), "count": X["count"] + 2})
    return measured(publication, rows)


REPORTS: dict[str, Callable[[], Drift]] = {
    "penguins": lambda: measured(published("penguins"), some_rows("penguins", 200)),
    "shifted": lambda: measured(published("iris"), iris().X + 1),
    "many": many,
    "wordy": wordy,
}


def texts(figure: Figure) -> list[tuple[str, Any]]:
    """List the words that are drawn, with their places."""
    drawn = [text for legend in figure.legends for text in legend.get_texts()]
    for axes in figure.axes:
        drawn += [axes.title, *axes.texts]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
            drawn += [text for place, text in ticks if low <= place <= high]
            drawn += [axis.label, axis.get_offset_text()]
    return [(text.get_text(), text.get_window_extent()) for text in drawn if text.get_text()]


@pytest.mark.parametrize("name", REPORTS)
def test_no_text_overlaps_or_is_cut(name: str) -> None:
    figure = REPORTS[name]().figure()
    figure.draw_without_rendering()
    found = texts(figure)
    assert len(found) > 20
    for place, (text, box) in enumerate(found):
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1, text
        assert not [other for other, one in found[place + 1 :] if box.overlaps(one)], text


def test_long_names_hide_no_verdict() -> None:
    with new_browser() as page:
        page.set_viewport_size({"width": OUTPUT_WIDTH, "height": 800})
        for name, make in REPORTS.items():
            page.set_content(
                f"<body style='margin: 0; font: 13px sans-serif'>{make()._repr_html_()}"
            )
            cells = page.locator("tr > :nth-child(2)")
            assert cells.first.inner_text() == "verdict"
            for cell in cells.all():
                box = cell.bounding_box()
                assert box
                assert box["x"] + box["width"] < OUTPUT_WIDTH, name


def test_the_largest_shift_comes_first() -> None:
    found = many()
    page = found._repr_html_()
    assert page.index("account_39") < page.index("account_30")
    assert "The first 30 of 41 rows." in page and "The first 30 of 41 rows." in str(found)
    assert found.notes[0].endswith("more.") and found.notes[0].count(LONG) == 5
    assert found.table.index[0] == f"{LONG}_00"  # the table itself is in the order of training


def test_new_categories_are_in_the_figure() -> None:
    axes = wordy().figure().axes[1:]
    titles = [each.get_title() for each in axes]
    assert any(title.endswith(", 5 of 30") for title in titles)
