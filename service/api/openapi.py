"""OpenAPI: one document of both protocols, made anew when another version goes live."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.api.edge.responses import PROBLEM
from service.api.registry.loaded_model import LoadedModel
from service.api.rest.openapi import NAME, predict_paths
from service.api.state import State
from service.api.v2.openapi import V2_PROBLEM, v2_paths


class Document:
    """Describes all routes, with typed operations for each model that is served.

    Parameters
    ----------
    app : FastAPI
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._served: list[LoadedModel] = []
        self._document: dict[str, Any] | None = None

    def __call__(self) -> dict[str, Any]:
        """Return FastAPI's own description, and that of the routes that predict."""
        state: State = self._app.state.labloop
        served = state.registry.all_live()
        if self._document is None or served != self._served:
            self._document, self._served = self._describe(state, served), served
        return self._document

    def _describe(self, state: State, served: list[LoadedModel]) -> dict[str, Any]:
        document = get_openapi(
            title=self._app.title,
            version=self._app.version,
            description=self._app.description,
            routes=self._app.routes,
            servers=[{"url": ".", "description": "this API"}],
        )
        document["components"] = {"schemas": {"Problem": PROBLEM, "V2Problem": V2_PROBLEM}}
        document["paths"] = {
            **predict_paths(served, state.settings),
            **document["paths"],
            **v2_paths(NAME, served),
        }
        return document
