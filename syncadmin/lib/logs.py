"""The log: one line for people or one JSON object for machines, each with what it is about.

`about(run=…, sync=…, team=…)` marks all lines that are written within it, in this thread; `bound` takes the
mark along to another one. Nothing here repeats what a row, a request or a person may have put into it:
exceptions are written as type and place (their texts quote values), addresses as the pattern of the page.
Libraries speak only when something is wrong, whatever LOG_LEVEL says: at DEBUG they tell addresses, queries
and bodies.
"""

import logging
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType, TracebackType
from typing import Any
from uuid import uuid4

from django.http import HttpRequest, HttpResponseBase
from pythonjsonlogger.json import JsonFormatter

NAMES = ("run", "sync", "team", "request", "page")
OURS = ("syncadmin", "syncs", "destinations")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# Exceptions whose first line tells of code or of a database's state, never of a value.
HARMLESS = {
    *("AttributeError", "ImportError", "ModuleNotFoundError", "NameError", "ImproperlyConfigured"),
    *("OperationalError", "InterfaceError", "ProgrammingError", "TemplateDoesNotExist"),
}
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
QUEUE_FAILURE = re.compile(r"Failed '(?P<what>[^']*)' \((?P<name>[^)]*)\) - ")

_NOTHING: Mapping[str, str] = MappingProxyType({})
_about: ContextVar[Mapping[str, str]] = ContextVar("about", default=_NOTHING)


@contextmanager
def about(**names: object) -> Iterator[None]:
    """Lines written within are about these: some of NAMES, as ids that a page's address has too."""
    token = _about.set({**_about.get(), **{name: str(value) for name, value in names.items()}})
    try:
        yield
    finally:
        _about.reset(token)


def bound() -> Callable[[], None]:
    """What marks another thread's lines like those of this one, called there."""
    names = _about.get()

    def bind() -> None:
        _about.set(names)

    return bind


class AboutFilter(logging.Filter):
    """Puts onto each line what it is about, and takes from lines of libraries what may be a value."""

    def filter(self, record: logging.LogRecord) -> bool:
        names = _about.get()
        if record.name.startswith(("django.", "gunicorn.")):
            _hide_address(record, names.get("page"))
        for name in NAMES:
            setattr(record, name, names.get(name))
        record.about = "".join(f"{name}={names[name]} " for name in NAMES if name in names)
        if record.name == "django-q" and (found := QUEUE_FAILURE.match(record.getMessage())):
            places = re.findall(r'^\s*File "[^"]+", line \d+, in \S+', record.getMessage(), re.MULTILINE)
            record.msg = "\n".join([f"Failed '{found['what']}' ({found['name']})", *places])
            record.args = ()
        return True


def _hide_address(record: logging.LogRecord, page: str | None) -> None:
    """The pattern of the page for a path that has one; no query, which may be a search for a person."""
    if not isinstance(record.args, tuple):
        return
    path = getattr(getattr(record, "request", None), "path", None)
    args = [page if page and arg == path else arg for arg in record.args]
    record.args = tuple(re.sub(r"\?\S*", "", arg) if isinstance(arg, str) else arg for arg in args)


def _told(error: BaseException) -> str:
    kind = type(error).__name__
    first = str(error).partition("\n")[0]
    return f"{kind}: {first}" if kind in HARMLESS and first else kind


def places_of(error: BaseException) -> str:
    """A traceback without what its exceptions say, but where that is harmless."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    earlier = f"{places_of(before)}\nwhich led to\n" if before is not None else ""
    return earlier + "".join(traceback.format_tb(error.__traceback__)) + _told(error)


class _Places(logging.Formatter):
    def formatException(
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        return places_of(ei[1]) if ei[1] is not None else ""


class Line(_Places):
    """A line for people."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name} {about}{message}", style="{")


class Json(_Places, JsonFormatter):
    """A JSON object a line: time, level, logger, message, what it is about; of ours also counts, by name."""

    def __init__(self) -> None:
        JsonFormatter.__init__(
            self,
            ["created", "levelname", "name", *NAMES, "message", "exc_info"],
            rename_fields={"created": "time", "levelname": "level", "name": "logger", "exc_info": "places"},
        )
        self._texts = {"level", "logger", "message", "places", *NAMES}

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        is_ours = str(log_data["logger"]).partition(".")[0] in OURS
        time = datetime.fromtimestamp(log_data.pop("time"), UTC).isoformat(timespec="milliseconds")
        return {"time": time} | {
            name: value
            for name, value in log_data.items()
            if (name in self._texts and isinstance(value, str)) or (is_ours and isinstance(value, int))
        }


def configuration(*, level: str, queue_level: str, form: str) -> dict[str, Any]:
    """Django's LOGGING. `form` is LINE or JSON; `level` is of our own lines."""
    others = max(level, "WARNING", key=LEVELS.index)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"about": {"()": AboutFilter}},
        "formatters": {"one": {"()": Json if form == "JSON" else Line}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": sys.stderr,
                "formatter": "one",
                "filters": ["about"],
            }
        },
        "root": {"handlers": ["stderr"], "level": others},
        "loggers": {
            **{name: {"level": level} for name in OURS},
            "django": {"handlers": [], "level": others},  # Django's own would write each line twice
            "django.server": {"handlers": [], "level": others, "propagate": True},
            "django.security.DisallowedHost": {"level": "CRITICAL"},  # scanners; the answer is 400
            "django-q": {"level": queue_level},
            "urllib3": {"level": "ERROR"},  # its warnings name addresses
            "apprise": {"level": "CRITICAL"},  # what became of a message is told on a page
        },
    }


class RequestMiddleware:
    """Marks the lines of a request with an id and the pattern of its page; the answer says the id too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        name = given if REQUEST_ID.fullmatch(given) else uuid4().hex[:16]
        with about(request=name):
            response = self.get_response(request)
        response["X-Request-ID"] = name
        return response

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> None:
        if request.resolver_match is not None:
            _about.set({**_about.get(), "page": f"/{request.resolver_match.route}"})
