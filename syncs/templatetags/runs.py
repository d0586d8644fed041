"""Runs as people read them: the words and the colour of a state, times, and lengths of time."""

import re
from datetime import UTC, datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from destinations.models import Connection
from syncadmin.lib import shown
from syncs.models import RejectedRow, Run
from syncs.views.destinations import is_sandbox
from syncs.views.reasons import link_of

register = template.Library()

_UTC_TIME = re.compile(r"\b([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))? UTC\b")

# What a run's state is called where there is room for a word or two, and the badge's colour.
STATES: dict[str, tuple[str, str]] = {
    Run.Status.QUEUED: ("Queued", ""),
    Run.Status.PLANNING: ("Reading", "busy"),
    Run.Status.APPROVAL: ("Waits for approval", "warn"),
    Run.Status.DELIVERING: ("Sending", "busy"),
    Run.Status.FINISHING: ("Finishing", "busy"),
    Run.Status.SUCCEEDED: ("Succeeded", "good"),
    Run.Status.ATTENTION: ("Needs attention", "warn"),
    Run.Status.STOPPED: ("Stopped", "bad"),
    Run.Status.CANCELLED: ("Cancelled", ""),
}


@register.simple_tag
def run_badge(run: Run) -> SafeString:
    """The run's state as a label."""
    words, tone = STATES[run.status]
    if run.dry_run and run.status == Run.Status.SUCCEEDED:
        words = "Nothing sent: a try"
    if run.cancel_requested_at is not None and not run.is_over:
        words = "Being cancelled"
    return format_html('<span class="badge {}">{}</span>', tone, words)


@register.filter
def local_times(text: str) -> str:
    """A remark of the engine with its times of day, which are UTC, in the reader's zone."""
    now = timezone.now()

    def told(found: re.Match[str]) -> str:
        hour, minute, second = (int(part or 0) for part in found.groups())
        at = now.astimezone(UTC).replace(hour=hour % 24, minute=minute, second=second, microsecond=0)
        at += timedelta(days=round((now - at) / timedelta(days=1)))  # the one that is nearest
        local = timezone.localtime(at)
        return f"{local:%H:%M:%S} {local.tzname()}" if second else f"{local:%H:%M} {local.tzname()}"

    return _UTC_TIME.sub(told, text)


@register.simple_tag
def sandbox_badge(connection: Connection) -> SafeString | str:
    """A label where what is sent goes to a look-alike on this machine, and nothing where it does not."""
    return format_html('<span class="badge">{}</span>', "Sandbox") if is_sandbox(connection) else ""


@register.simple_tag(takes_context=True)
def here_with(context: template.Context, **changed: object) -> str:
    """The page's own address with other parameters; an empty one goes."""
    query = context["request"].GET.copy()
    for name, value in changed.items():
        if value in (None, ""):
            query.pop(name, None)
        else:
            query[name] = str(value)
    return f"?{query.urlencode()}"


@register.simple_tag(takes_context=True)
def reason_link(context: template.Context, problem: str, destination: str) -> str:
    """Where the catalogue tells of a reason."""
    return link_of(context["request"].team.slug, problem, destination)


@register.filter
def duration(length: timedelta | None) -> str:
    """ "12 s", "3 min 20 s"; a dash where there is none."""
    return shown.duration(length)


@register.filter
def moment(at: datetime | None) -> SafeString:
    """A time in the reader's zone: day and minute to read, second and zone on hovering."""
    if at is None:
        return SafeString(shown.NOTHING)
    local = timezone.localtime(at)
    year = "" if local.year == timezone.localtime().year else " Y"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.isoformat(),
        date_format(local, "l j F Y, H:i:s T"),
        date_format(local, f"j M{year}, H:i"),
    )


@register.filter
def second(at: datetime) -> SafeString:
    """A time in the reader's zone, to the second."""
    local = timezone.localtime(at)
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), date_format(local, "j M, H:i:s"))


@register.filter
def who_acts(row: RejectedRow) -> str:
    """Who must act; only what was refused or is in doubt is tried again by itself."""
    if row.who == RejectedRow.Who.NOBODY and row.stage == RejectedRow.Stage.HELD_BACK:
        return "Nobody"
    return str(row.get_who_display())


@register.simple_tag
def zone_name() -> str:
    """The short name of the reader's time zone: "CEST"."""
    return timezone.localtime().tzname() or ""
