"""The web page of the service: static files that talk to its APIs, and nothing else."""

from octavo.server.page.routes import routes

__all__ = ["routes"]
