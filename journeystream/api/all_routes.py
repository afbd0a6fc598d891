"""All routes of the API, in the order in which the document shows them."""

from __future__ import annotations

from journeystream.api import inside, journeys, life, named, people, trying, users, workers
from journeystream.api.routes import Route

ROUTES: list[Route] = [
    *journeys.ROUTES,
    *life.ROUTES,
    *trying.ROUTES,
    *inside.ROUTES,
    *users.ROUTES,
    *people.ROUTES,
    *named.ROUTES,
    *workers.ROUTES,
]
