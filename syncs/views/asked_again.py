"""Rows that somebody asks to be sent again: what was started, or waits, in words and with where to go."""

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html

from destinations.contract import JSON
from syncadmin.lib.shown import counted
from syncadmin.teams.access import TeamRequest
from syncs.engine import again
from syncs.engine.run import Paused
from syncs.models import Run, Sync


def ask(
    request: TeamRequest,
    sync: Sync,
    *,
    keys: Sequence[str] = (),
    open_rows: Sequence[JSON] = (),
    count: int,
    otherwise: str,
) -> HttpResponse:
    """Send rows again: `keys`, or choices of what is open. `count` is how many rows are meant.

    To the run that was started; where they wait, or cannot be sent, `otherwise`.
    """
    try:
        begun = again.send_again(sync, asked_by=request.user, keys=keys, open_rows=open_rows)
    except Paused as paused:
        messages.error(request, str(paused))
        return redirect(otherwise)
    if isinstance(begun, Run):
        messages.success(request, f"Run #{begun.number} was started to send {counted(count, 'row')} again.")
        return redirect("run", request.team.slug, begun.public_id)
    active = Run.objects.active().filter(sync=sync).first()
    rows = counted(count, "row is", "rows are")
    if active is None:  # it ended just now
        said = format_html("{} sent again in a moment.", rows)
    else:
        where = reverse("run", args=[request.team.slug, active.public_id])
        said = format_html(
            '{} sent again as soon as <a href="{}">run #{}</a> of this sync has ended. '
            '<a href="{}">What waits</a>',
            rows,
            where,
            active.number,
            reverse("sync_attention", args=[request.team.slug, sync.public_id]),
        )
    messages.success(request, said)
    return redirect(otherwise)
