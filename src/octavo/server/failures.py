"""What the log has of a failure: the kind of the error and where it came from, never a client's text."""

from __future__ import annotations

import logging
import traceback

from octavo.server.observation import observed


def log_failure(log: logging.Logger, what: str, error: BaseException) -> None:
    """Write ``what`` failed, the type of the error and the lines that it came through; note the type for the
    request under way. Its message stays out, because it may quote what was translated."""
    observed().error = type(error).__name__
    places = "".join(traceback.format_tb(error.__traceback__))
    log.error("%s failed: %s\n%s", what, type(error).__name__, places)
