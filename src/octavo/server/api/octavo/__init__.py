"""Our own API: POST /v1/translate and what goes with it."""

from octavo.server.api.octavo.handlers import routes

__all__ = ["routes"]
