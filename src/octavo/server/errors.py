"""Why the service does not do what it was asked for. Each API turns these into its own answers."""

from __future__ import annotations

from octavo.errors import OctavoError


class ServiceError(OctavoError):
    """Base of what a client can be told. Messages hold none of the client's text, and no path."""


class RequestError(ServiceError):
    """The request is not one that the service understands. The message says which value is wrong."""


class FieldError(RequestError):
    """A value of the request is wrong. ``field`` is its place, such as ``$.options.beam``."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class UnsupportedPairError(ServiceError):
    """No model translates between these languages, directly or through another one."""


class TooLargeError(ServiceError):
    """The request is larger than this service takes."""


class UnknownResourceError(ServiceError):
    """There is no such glossary, document or model."""


class QuotaError(ServiceError):
    """All that the service gives its clients of something is used up: characters, or room for glossaries."""


class BusyError(ServiceError):
    """The service has as much to do as it takes on. ``retry_after`` is in seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DrainingError(BusyError):
    """The service is about to stop, and takes no new work."""


class UnavailableError(BusyError):
    """A model that the service has cannot be loaded at present. The service's log says why."""


class DeadlinePassedError(ServiceError):
    """The time for the request was over before it was done."""

    def __init__(self) -> None:
        super().__init__("the time for the request was over before it was done; ask for less, or allow more")


class InternalError(ServiceError):
    """The service has a fault. The log says more."""

    def __init__(self) -> None:
        super().__init__("the service failed; its log says more")
