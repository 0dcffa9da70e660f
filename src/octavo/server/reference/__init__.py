"""The reference of all APIs as a page, made in the browser of the OpenAPI document."""

from octavo.server.reference.routes import routes

__all__ = ["routes"]
