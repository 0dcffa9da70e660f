"""The paths that machines ask: /livez, /readyz and /metrics."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from octavo.server.operations.health import Readiness
from octavo.server.operations.metrics import Metrics

_NOT_STORED = {"cache-control": "no-store"}


def routes(readiness: Readiness, metrics: Metrics) -> list[Route]:
    """The routes of operations."""

    async def livez(_request: Request) -> Response:
        return JSONResponse({"status": "alive"}, headers=_NOT_STORED)

    async def readyz(_request: Request) -> Response:
        obstacle = await readiness.obstacle()
        status = 200 if obstacle is None else 503
        return JSONResponse({"status": obstacle or "ready"}, status, headers=_NOT_STORED)

    async def figures(request: Request) -> Response:
        content, media_type = metrics.exposition(request.headers.get("accept", ""))
        return Response(content, headers={"content-type": media_type})

    return [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", figures)]
