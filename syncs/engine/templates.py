"""Liquid templates that fill a field from all columns of a row. Pure: the same row gives the same text.

The language is Liquid (https://shopify.github.io/liquid/) as python-liquid reads it, without what reads
other files, what depends on the time of day (`now`), and what cannot be bounded. Each column is a variable;
one whose name is no word is written `{{ ["First Name"] }}`.

A template cannot run for ever or eat memory: what it may do to one row is counted (nodes and filters), and
the size of each text, list and number, of its variables and of its output is bounded. A filter that is slow
in itself is stopped by the processor time it took. What goes beyond is an error of that row.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from difflib import get_close_matches
from functools import lru_cache, wraps
from typing import Any

from liquid import Environment, RenderContext
from liquid.exceptions import LiquidError, ResourceLimitError

from syncs.engine.patience import GIVEN_UP, Share
from syncs.engine.plain import Misfit, Unfit, is_broken, is_empty, plain_text

LONGEST_TEMPLATE = 10_000  # characters, as are all lengths of texts here
MOST_TAGS = 500
LONGEST_TEXT = 20_000
MOST_ITEMS = 1_000  # of a list, and rounds of a loop
MOST_STEPS = 10_000  # nodes and filters for one row
MOST_SECONDS = 0.25  # of the processor, for one row
MOST_BITS = 256  # of a whole number
MOST_OUT_OF_BOUNDS = 50  # rows that went beyond, after which no more are tried

_INNER = ("literal", "content", "output", "illegal")  # text, {{ }} and what stands at the wrong place
_TAGS = (
    "#", "assign", "break", "capture", "case", "comment", "continue", "cycle", "echo", "for", "if", "liquid",
    "unless",
)  # fmt: skip
FILTERS = (
    "abs", "append", "at_least", "at_most", "capitalize", "ceil", "compact", "concat", "date", "default",
    "divided_by", "downcase", "escape", "first", "floor", "join", "last", "lstrip", "minus", "modulo",
    "newline_to_br", "plus", "prepend", "remove", "remove_first", "remove_last", "replace", "replace_first",
    "replace_last", "reverse", "round", "rstrip", "size", "slice", "sort", "sort_natural", "split", "squish",
    "strip", "strip_newlines", "sum", "times", "truncate", "truncatewords", "uniq", "upcase", "url_decode",
    "url_encode",
)  # fmt: skip
_UNWORKABLE = "a filter got a value that it cannot work with."
_BEYOND = Misfit(
    None,
    "template_limit",
    "the template goes beyond its limits with this row (steps, time, or the size of a text or list).",
)
_GIVEN_UP = Misfit(
    None,
    "template_limit",
    f"the template was not tried with this row: it went beyond its limits with {MOST_OUT_OF_BOUNDS} others.",
)
_TOO_SLOW = Misfit(None, "template_limit", f"the template was not tried with this row: {GIVEN_UP}")


@dataclass(slots=True)
class Patience:
    """How many more rows of a run may take the template beyond its limits, and its share of slow seconds."""

    rows_left: int = MOST_OUT_OF_BOUNDS
    share: Share = field(default_factory=Share)


class TemplateBroken(ValueError):
    """The template cannot be used; the message is a sentence with the line."""


class Template:
    """A compiled template. `columns` are the variables that it wants from the row, `lines` their lines."""

    def __init__(self, source: str) -> None:
        if not source.strip():
            raise TemplateBroken("The template is empty.")
        if len(source) > LONGEST_TEMPLATE:
            raise TemplateBroken(f"The template is longer than {LONGEST_TEMPLATE:,} characters.")
        if is_broken(source):
            raise TemplateBroken("The template holds a NUL or half a character.")
        if (
            source.count("{{") + source.count("{%") > MOST_TAGS
        ):  # reading them takes the square of their number
            raise TemplateBroken(f"The template holds more than {MOST_TAGS} tags.")
        try:
            self._bound = _ENVIRONMENT.from_string(source)
            told = self._bound.analyze(include_partials=False)
        except (LiquidError, RecursionError) as error:
            raise TemplateBroken(_sentence(error, source)) from None
        self.lines: dict[str, int] = {}
        for places in told.globals.values():
            root, line = places[0].segments[0], source.count("\n", 0, places[0].span.index) + 1
            if not isinstance(root, str):
                raise TemplateBroken(
                    f"Line {line} of the template: the name of a column must stand there in quotes, "
                    'such as ["First Name"].'
                )
            self.lines.setdefault(root, line)
        self.columns = tuple(self.lines)
        for name, spans in told.filters.items():
            if name not in _ENVIRONMENT.filters:
                line = source.count("\n", 0, spans[0].index) + 1
                raise TemplateBroken(f"Line {line} of the template: {_unknown_filter(name)}")

    def fill(
        self, columns: Mapping[str, list[Any]], size: int, zone: tzinfo, patience: "Patience"
    ) -> list[Any]:
        """The text for each row, None where it is blank, a Misfit where it fails. Never raises.

        `columns` has all columns of the rows by name.
        """
        out: list[Any] = []
        with patience.share as share:
            for at in range(size):
                if not patience.rows_left or share.is_over:
                    out.append(_TOO_SLOW if patience.rows_left else _GIVEN_UP)
                    continue
                out.append(self._filled(_Row(columns, at, zone), patience))
                share.tick()
        return out

    def _filled(self, row: Mapping[str, Any], patience: "Patience") -> Any:
        """The text for one row, None where it is blank, or a Misfit."""
        try:
            text = self._render(row)
        except ResourceLimitError:
            patience.rows_left -= 1
            return _BEYOND
        except LiquidError as error:
            return Misfit(None, "template", f"the template fails. {_sentence(error)}")
        except Unfit as unfit:
            return Misfit(None, unfit.code, f"the template fails: a value {unfit.says}")
        except UnicodeEncodeError:
            says = "the template fails: its text holds half a character. Remove it at the source."
            return Misfit(None, "broken_text", says)
        except Exception:  # filters raise anything where a value is not what they want
            return Misfit(None, "template", f"the template fails: {_UNWORKABLE}")
        return None if is_empty(text) else text

    def _render(self, row: Mapping[str, Any]) -> str:
        context = _Context(self._bound, globals=row)
        buffer = context.get_buffer()
        self._bound.render_with_context(context, buffer)
        return buffer.getvalue()


@lru_cache(maxsize=256)
def compiled(source: str) -> Template:
    """The template, compiled once for all who ask."""
    return Template(source)


class _Row(Mapping[str, Any]):
    """A row as variables. Only what the template asks for is looked at."""

    __slots__ = ("_at", "_places", "_zone")

    def __init__(self, places: Mapping[str, list[Any]], at: int, zone: tzinfo) -> None:
        self._places, self._at, self._zone = places, at, zone

    def __getitem__(self, name: str) -> Any:
        return _variable(self._places[name][self._at], self._zone, 0)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _variable(value: Any, zone: tzinfo, depth: int) -> Any:
    """A value as templates know it: text, a number, true, false, nothing, a list or a mapping."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool) or is_empty(value):
        return value if isinstance(value, bool) else None
    if type(value) is int:
        return value
    if type(value) is float and abs(value) != float("inf"):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, list | tuple | dict):
        if depth == 10 or len(value) > MOST_ITEMS:
            raise _beyond("list")
        if isinstance(value, dict):
            return {str(key): _variable(one, zone, depth + 1) for key, one in value.items()}
        return [_variable(one, zone, depth + 1) for one in value]
    return plain_text(value, zone)


class _Context(RenderContext):
    """Counts what a template does. `disabled_tags` is what each node asks for before it renders."""

    __slots__ = ("_began", "_steps")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._steps, self._began = 0, time.thread_time()
        super().__init__(*args, **kwargs)

    @property
    def disabled_tags(self) -> list[str]:
        self.step()
        return []

    @disabled_tags.setter
    def disabled_tags(self, tags: list[str]) -> None:
        """There are none: what is not wanted is no tag of the environment."""

    def step(self) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise ResourceLimitError("too many steps", token=None)
        if self._steps % 16 == 0 and time.thread_time() - self._began > MOST_SECONDS:
            raise ResourceLimitError("too much time", token=None)

    def filter(self, name: str, token: Any) -> Callable[..., object]:
        self.step()
        return super().filter(name, token)


class _Environment(Environment):
    block_nesting_limit = 20
    context_depth_limit = 30
    loop_iteration_limit = MOST_ITEMS
    local_namespace_limit = 500_000
    output_stream_limit = 4 * LONGEST_TEXT  # bytes

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters()
        self.tags = {name: tag for name, tag in self.tags.items() if name in (*_INNER, *_TAGS)}
        self.add_filter("date", _date)
        self.filters = {name: _bounded(name, self.filters[name]) for name in FILTERS}


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, unless what it gets or gives is too large. What it gives must not be made first."""

    @wraps(function)
    def bounded(value: Any, *args: Any, **kwargs: Any) -> Any:
        for one in (value, *args):
            _demand_small(one)
        if name in ("replace", "escape", "newline_to_br") and isinstance(value, str):
            old, new = (str(one) for one in (*args, "", "")[:2]) if name == "replace" else ("", "123456")
            _demand_length(len(value) + (value.count(old) if old else len(value) + 1) * len(new))
        if name == "join" and isinstance(value, list | tuple):
            glue = len(str(args[0])) if args else 1
            _demand_length(sum(len(one) + glue if isinstance(one, str) else glue for one in value))
        found = function(value, *args, **kwargs)
        _demand_small(found)
        return found

    return bounded


def _demand_small(value: Any) -> None:
    if isinstance(value, str):
        _demand_length(len(value))
    elif isinstance(value, list | tuple | dict | range):
        if len(value) > MOST_ITEMS:
            raise _beyond("list")
    elif isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise _beyond("number")


def _demand_length(length: int) -> None:
    if length > LONGEST_TEXT:
        raise _beyond("text")


def _beyond(what: str) -> ResourceLimitError:
    return ResourceLimitError(f"a {what} is too large", token=None)


def _date(value: Any, form: Any) -> str:
    """A date or time, in ISO 8601, written in another way. Not "now": a text must not change by itself."""
    text, form = str(value or ""), str(form or "")
    if not text.strip() or not form:
        return text
    if len(form) > 100:
        raise _beyond("text")
    try:
        return datetime.fromisoformat(text.strip()).strftime(form)
    except ValueError:
        raise Unfit("not_a_date", "is not a date. Write it like 2026-11-21, or parse it first.") from None


_ENVIRONMENT = _Environment()


def _unknown_filter(name: str) -> str:
    near = get_close_matches(name, FILTERS, n=1)
    return f'there is no filter "{name}".' + (f' Did you mean "{near[0]}"?' if near else "")


def _sentence(error: Exception, source: str = "") -> str:
    """The error with its line. Without the source, the message must not hold a row's value."""
    place = None
    if isinstance(error, LiquidError):
        try:
            place = error.context()
        except ValueError:  # it stands at the end
            place = None
        line = place[0] if place else source.count("\n") + 1
        where = f"Line {line} of the template: " if place or source else ""
        if not source:
            return f"{where or 'The template: '}{_UNWORKABLE}"
        message = str(error.message or "it cannot be read").rstrip(".")
        return f"{where}{message}."
    return "The template is nested too deeply."
