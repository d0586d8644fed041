"""Values as people read them in the Django admin: safe HTML, nothing of a value is ever taken for markup."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from syncadmin.lib.redact import HIDDEN, Redactor, looks_secret

NOTHING = "–"
LONGEST_TEXT = 500_000  # characters of one text on a page
LONGEST_LINE = 140


class Tone(StrEnum):
    """How a label looks; its words say the same."""

    GOOD = "good"
    BUSY = "busy"
    CARE = "care"
    BAD = "bad"
    QUIET = "quiet"


def tag(text: str, tone: Tone) -> SafeString:
    """A coloured label."""
    return format_html('<span class="tag {}">{}</span>', tone.value, text)


def link(url: str, text: object) -> SafeString:
    return format_html('<a href="{}">{}</a>', url, text)


def moment(at: datetime | None) -> SafeString | str:
    """A time to the second, with the name of its zone."""
    if at is None:
        return NOTHING
    local = timezone.localtime(at)
    return format_html(
        '<time datetime="{}">{} {}</time>', at.isoformat(), f"{local:%Y-%m-%d %H:%M:%S}", local.tzname()
    )


def duration(length: timedelta | None) -> str:
    """A length of time: "0.4 s", "12 s", "3 min 20 s", "2 h 5 min"."""
    if length is None:
        return NOTHING
    seconds = max(0.0, length.total_seconds())
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def short(text: str, longest: int = LONGEST_LINE) -> str:
    """The text, or its beginning and a dot-dot-dot."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def counted(number: int, one: str, many: str = "") -> str:
    """A number and its noun: "1 row", "2 rows"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def preformatted(text: str) -> SafeString:
    """A text as it stands, in a frame; a very long one is cut, and says so."""
    if not text:
        return SafeString(NOTHING)
    cut = len(text) - LONGEST_TEXT
    more = f"\n… and {cut:,} characters more" if cut > 0 else ""
    return format_html('<pre class="framed" tabindex="0">{}{}</pre>', text[:LONGEST_TEXT], more)


def pretty(value: Any) -> str:
    """JSON over several lines."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def pretty_text(text: str) -> str:
    """A text that is JSON over several lines; any other as it stands."""
    try:
        return pretty(json.loads(text))
    except (ValueError, RecursionError):
        return text


def without_secrets(options: Mapping[str, Any]) -> dict[str, Any]:
    """Settings for a page. Secrets are kept elsewhere; what looks like one is hidden all the same."""
    return {name: _without_secrets(name, value) for name, value in options.items()}


def _without_secrets(name: str, value: Any) -> Any:
    if value is not None and looks_secret(name):
        return HIDDEN
    if isinstance(value, Mapping):
        return without_secrets(value)
    if isinstance(value, list):
        return [_without_secrets(name, one) for one in value]
    if isinstance(value, str) and "://" in value:
        return Redactor().url(value)
    return value
