"""The HTTP API of a worker: what people and programs do with journeys besides running them.

`routes.py` says what a route is; each resource has a file with its routes; `site.py` serves them,
and `openapi.py` tells of them. Nothing here decides what a journey or a user's way is.
"""
