"""What can go wrong at a destination, named by the decision it asks for.

```
DestinationError
├── Temporary          send the same call again later
│   └── RateLimited    … and not before `retry_after`; uses up no attempt
├── Rejected           this call will never pass as it is: split it, or refuse its rows
├── TooMany            nothing was taken: send the operations in smaller packings
├── AuthExpired        stop the run; a person must reconnect
└── Misconfigured      stop the run; a person must fix mapping or permission
ContractBroken         our bug: an adapter broke its promise; loud, never retried
```

Every message says what happened and who must do what. No message carries a secret or a row's values.
"""

from enum import StrEnum
from typing import Self


class Cause(StrEnum):
    """Why a call failed, told apart as far as the wire allows."""

    DNS = "dns"
    PROXY = "proxy"
    TLS = "tls"
    CONNECT = "connect"
    TIMEOUT = "timeout"
    DROPPED = "dropped"
    GARBLED = "garbled"
    SERVER = "server"
    BUDGET = "budget"
    CONCURRENCY = "concurrency"
    CREDENTIALS = "credentials"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    DATA = "data"


class DestinationError(Exception):
    """Something went wrong at the destination. `str(error)` is written for the user."""

    def __init__(self, message: str, *, cause: Cause) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause


class Temporary(DestinationError):
    """Send the same call again later.

    `may_be_applied` is False only where nothing can have reached the destination's records: the
    connection was never made, or the service said that it refused before reading.
    """

    def __init__(self, message: str, *, cause: Cause, may_be_applied: bool = True) -> None:
        super().__init__(message, cause=cause)
        self.may_be_applied = may_be_applied


class RateLimited(Temporary):
    """Send the same call again, not before `retry_after` seconds have passed. Uses up no attempt.

    `retry_after` is None where the service named no time: too many requests were in flight at once. Where it
    named none for a window of fixed limits, `retry_after` is worked out: the rest of the window of
    `window_seconds` (the published length; an account may have another), by the service's clock, which was
    at `told_at` (Unix seconds, None where it tells no time).
    """

    def __init__(
        self,
        message: str,
        *,
        cause: Cause = Cause.BUDGET,
        retry_after: float | None,
        window_seconds: float | None = None,
        told_at: float | None = None,
    ) -> None:
        super().__init__(message, cause=cause, may_be_applied=False)
        self.retry_after = retry_after
        self.window_seconds = window_seconds
        self.told_at = told_at

    @classmethod
    def till_window_ends(cls, message: str, window_seconds: float, told_at: float | None) -> Self:
        """A refusal without a named time, in a window that begins at whole multiples of its length."""
        into = 0.0 if told_at is None else told_at % window_seconds
        return cls(message, retry_after=window_seconds - into, window_seconds=window_seconds, told_at=told_at)


class Rejected(DestinationError):
    """This call will never pass as it is: split it, or refuse its rows with this message."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message, cause=Cause.DATA)
        self.field = field


class TooMany(DestinationError):
    """The account does not take so many operations in one call (bulk jobs are refused). None was applied:
    send them by the next smaller packing.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, cause=Cause.PERMISSION)


class AuthExpired(DestinationError):
    """Stop the run; a person must reconnect."""

    def __init__(self, message: str) -> None:
        super().__init__(message, cause=Cause.CREDENTIALS)


class Misconfigured(DestinationError):
    """Stop the run; a person must fix the mapping, a setting or a permission."""

    def __init__(self, message: str, *, cause: Cause = Cause.PERMISSION) -> None:
        super().__init__(message, cause=cause)


class ContractBroken(Exception):
    """Our bug: an adapter broke its promise. Fails loudly, is never retried."""
