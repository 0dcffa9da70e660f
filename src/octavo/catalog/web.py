"""HTTP as models are fetched: by urllib, with the environment's proxies, and no redirect to less safety."""

from __future__ import annotations

import http.client
import os
import urllib.request
from email.message import Message
from typing import IO, Final
from urllib.parse import urlsplit

from octavo.catalog.errors import DownloadError

OFFLINE_VARIABLE: Final = "OCTAVO_OFFLINE"
_SECONDS_OF_SILENCE: Final = 30
_MOST_REDIRECTS: Final = 5


def is_offline() -> bool:
    """Whether OCTAVO_OFFLINE forbids every connection."""
    return os.environ.get(OFFLINE_VARIABLE, "0") not in ("", "0")


def check_url(url: str) -> None:
    """Raise DownloadError for a URL that is not fetched, before anything is connected to."""
    if is_offline():
        raise DownloadError(
            f"{url}: not fetched, since {OFFLINE_VARIABLE} is set; fetch the file on another machine and add "
            "it by its path, or unset the variable"
        )
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError as error:
        raise DownloadError(f"{url}: not a URL: {error}") from error
    if not known or any(character <= " " for character in url):
        raise DownloadError(f"{url}: not a URL that is fetched; it must begin with https:// or http://")
    if parts.username is not None:
        raise DownloadError(f"{parts.hostname}: a URL with a name or a password in it is not fetched")


def fetch(url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    """The answer to a GET request, its body still to be read; other status codes than 2xx are HTTPError.

    Raises what urllib raises, TimeoutError after half a minute of silence, and DownloadError for a redirect
    to where the first URL would not have led.
    """
    agent = {"User-Agent": "octavo", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers=agent | headers)  # noqa: S310 (check_url has the schemes)
    return _opener().open(request, timeout=_SECONDS_OF_SILENCE)  # type: ignore[no-any-return]


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = _MOST_REDIRECTS

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The next request. Raises DownloadError where it is less safe than this one."""
        try:
            check_url(newurl)
            if urlsplit(newurl).scheme != "https" and urlsplit(req.full_url).scheme == "https":
                raise DownloadError(f"{req.full_url}: redirects from https to http, which is not followed")
        except DownloadError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _opener() -> urllib.request.OpenerDirector:
    """Without urllib's handlers of files, FTP and data: in URLs."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener
