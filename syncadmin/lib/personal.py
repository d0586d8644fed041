"""Personal data in pages: hidden from members of a team who may only look, and in the Django admin until
somebody of the staff asks for one page of it.

Whatever stands for a person (a row's values, its keys, bodies of requests, and what sentences quote of them)
goes through one of these on its way to a page. They hide it, unless the page is made within `shown()`,
which `history.py` enters when it was asked for, and after it has written down who asked, and
`teams/access.py` for members who may edit. What is hidden
leaves a hint of its shape: names, lengths and kinds stay, so that most trouble is seen without looking.

- `text`      a value that stands alone: "[e-mail address, 17 characters]"
- `partly`    the same for names of rows in a team's pages, where people must tell them apart: "a•••@acme.com"
- `values`    JSON: field names stay, values become hints
- `body`      what went over the wire: JSON over several lines, whole or cut off
- `words`     a sentence that may quote values: they become "[hidden]"
- `mentions`  what is of no person, such as a query or a header: only e-mail addresses go
- `address`   a URL: the same for its query, and for what names people in its path
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from syncadmin.lib.redact import HIDDEN as REMOVED

HIDDEN = "[hidden]"
DOTS = "•••"
LONGEST_NAME = 80  # a longer name of a field is a value that somebody made a name

_is_shown: ContextVar[bool] = ContextVar("personal_data_is_shown", default=False)

_EMAIL = re.compile(r"[^\s@\"'<>()\[\]{},;:=/?&]+(?:@|%40)[^\s@\"'<>()\[\]{},;:=/?&]+", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d\S*)?")
_NUMBER = re.compile(r"[-+]?\d[\d.,]*")
_QUOTED = re.compile(r'"[^"]+"|(?<!\w)\'[^\']+\'(?!\w)')
_PLAIN_NAME = re.compile(r"[A-Za-z_$][\w.$\[\]-]{0,60}")
_MANY_DIGITS = re.compile(r"(?<![\w-])\+?\d[\d ()./-]{5,}\d(?![\w-])")
# In JSON that was cut off: a text (the last may have no end), or a plain word; what follows a text tells
# whether it is a name.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"(\s*:)?|\\?$)|[^\s"{}\[\],:]+', re.DOTALL)


@contextmanager
def shown() -> Iterator[None]:
    """Within it nothing is hidden. Enter it only when that was asked for and written down."""
    token = _is_shown.set(True)
    try:
        yield
    finally:
        _is_shown.reset(token)


def is_shown() -> bool:
    return _is_shown.get()


def text(value: str) -> str:
    """A value that stands alone; an empty one says so by itself."""
    return value if is_shown() or not value or value == REMOVED else _hint(value)


def partly(value: str) -> str:
    """The first sign of a value, and what follows the @ of an address; nothing of a short one."""
    if is_shown() or not value or value == REMOVED:
        return value
    if _EMAIL.fullmatch(value) and value.count("@") == 1:
        name, _, domain = value.partition("@")
        return f"{name[:1] if len(name) > 2 else ''}{DOTS}@{domain}"
    return f"{value[0]}{DOTS}" if len(value) > 4 and value[0].isalnum() else DOTS


def values(value: Any) -> Any:
    """JSON of the same shape. Nothing stays nothing: null, empty texts, lists and objects."""
    if is_shown():
        return value
    if isinstance(value, dict):
        hidden: dict[str, Any] = {}
        for name, inner in value.items():
            hint = told = _name(str(name))
            while told in hidden:  # two addresses of one length are two names
                told = f"{hint} {len(hidden) + 1}"
            hidden[told] = values(inner)
        return hidden
    if isinstance(value, list | tuple):
        return [values(inner) for inner in value]
    if isinstance(value, bool):
        return "[true or false]"
    if isinstance(value, int | float):
        digits = sum(sign.isdigit() for sign in str(value))
        return f"[number, {digits} {'digit' if digits == 1 else 'digits'}]"
    return value if value is None else text(str(value))


def body(told: str) -> str:
    """What was sent or answered, for reading: JSON over several lines, anything else as it stands."""
    try:
        return json.dumps(values(json.loads(told)), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        pass
    if is_shown() or not told:
        return told
    return _TOKEN.sub(_token, told) if told.lstrip()[:1] in {"{", "["} else _hint(told)


def words(sentence: str, known: Iterable[object] = ()) -> str:
    """A sentence without what it quotes: texts in quotes, e-mail addresses, telephone numbers, `known`."""
    if is_shown() or not sentence:
        return sentence
    plain = sentence.lower()
    texts = {one for value in known for one in _texts(value) if _can_be_told(one) and one.lower() in plain}
    for one in sorted(texts, key=len, reverse=True):  # one may hold another
        before = r"(?<!\w)" if one[0].isalnum() else ""
        after = r"(?!\w)" if one[-1].isalnum() else ""
        sentence = re.sub(before + re.escape(one) + after, HIDDEN, sentence, flags=re.IGNORECASE)
    sentence = _QUOTED.sub(lambda found: found[0][0] + HIDDEN + found[0][-1], sentence)
    return mentions(_MANY_DIGITS.sub(HIDDEN, sentence))


def mentions(told: str) -> str:
    """A text that is of no person, such as a query or a header: it stays, but for e-mail addresses."""
    return told if is_shown() else _EMAIL.sub(HIDDEN, told)


def address(url: str) -> str:
    """A URL whose query keeps its names, and whose path loses what is no plain word of an API."""
    if is_shown():
        return url
    path, mark, query = url.partition("?")
    scheme, slashes, rest = path.partition("://")
    if not slashes:
        scheme, rest = "", path
    host, *parts = rest.split("/")
    path = "/".join([host, *(HIDDEN if _names_somebody(part) else part for part in parts)])
    pairs = (pair.partition("=") for pair in query.split("&")) if query else ()
    told = "&".join(
        (name if _PLAIN_NAME.fullmatch(name) else HIDDEN) + (f"={HIDDEN}" if value else "")
        for name, _, value in pairs
    )
    return f"{scheme}{slashes}{path}{mark}{told}"


def _can_be_told(one: str) -> bool:
    """Whether a sentence without this text still reads: a letter by itself is a word of it."""
    return bool(one.strip()) and (len(one) > 1 or one.isdigit())


def _names_somebody(part: str) -> bool:
    return "@" in part or "%" in part or "'" in part or not part.isascii()


def _name(name: str) -> str:
    """A field's name, unless it is a value: an address, a number, or very long."""
    is_value = "@" in name or name.isdigit() or len(name) > LONGEST_NAME
    return _hint(name) if is_value else name


def _hint(value: str) -> str:
    if value.isdecimal():
        return f"[{len(value):,} {'digit' if len(value) == 1 else 'digits'}]"
    length = f"{len(value):,} {'character' if len(value) == 1 else 'characters'}"
    if _EMAIL.fullmatch(value):
        return f"[e-mail address, {length}]"
    if "://" in value[:10]:
        return f"[web address, {length}]"
    if _DATE.fullmatch(value):
        return "[date and time]" if len(value) > len("2026-01-31") else "[date]"
    if _NUMBER.fullmatch(value):
        return f"[number, {length}]"
    return f"[blanks, {length}]" if value.isspace() else f"[{length}]"


def _token(found: re.Match[str]) -> str:
    """A token of JSON that was cut off."""
    token = found[0]
    if not token.startswith('"'):
        return token if token in {"null", "…"} else HIDDEN
    if token in {'""', f'"{REMOVED}"'}:
        return token
    if found[1] is not None:
        return f'"{_name(token.rpartition(chr(34))[0][1:])}":'
    return f'"{HIDDEN}"'


def _texts(value: object) -> Iterator[str]:
    """The texts and numbers within a value."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
