"""The errors a client can see; the HTTP status lives on the class."""


class ApiError(Exception):
    status = 500


class BadRequest(ApiError):
    status = 400


class NotFound(ApiError):
    status = 404


class MethodNotAllowed(ApiError):
    status = 405


class Conflict(ApiError):
    status = 409


class StoreUnavailable(ApiError):
    """The data file can not be read or written."""

    status = 503
