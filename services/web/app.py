"""Composition of the web application: routes, middleware and the files of the page."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

PAGE: Final = Path(__file__).parent / "page"
"""Folder with the files of the page."""


def create_app() -> Starlette:
    """Return the application."""
    return Starlette(routes=[Mount("/", StaticFiles(directory=PAGE, html=True))])
