"""What needs attention in a sync now, whichever run told it: by reason, and to send again."""

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from destinations import registry
from syncadmin.lib import paging
from syncadmin.teams.access import Can, TeamRequest
from syncs.engine import again, attention
from syncs.forms.runs import SendAgainForm
from syncs.models import RejectedRow, Run, Sync, WaitingRetry
from syncs.views import asked_again, run_groups
from syncs.views.runs import nothing_to_send
from syncs.views.sync_facts import of_sync, target_label


@of_sync(Can.LOOK)
def sync_attention(request: TeamRequest, sync: Sync) -> HttpResponse:
    """The groups of what is open; of one group its rows."""
    found, adapter = attention.open_rows(sync), registry.adapters().get(sync.connection.destination)
    shown: dict[str, Any] = {
        "section": "syncs",
        "sync": sync,
        "target_label": target_label(sync),
        "active": Run.objects.active().filter(sync=sync).only("public_id", "number").first(),
        "waiting": WaitingRetry.objects.filter(sync=sync).select_related("asked_by").first(),
        "can_send_again": request.may_edit and not sync.paused,
        "adapter": adapter,
    }
    if "problem" not in request.GET:
        groups = run_groups.with_examples(found, adapter)
        shown |= {"groups": groups, "total": sum(group.count for group in groups)}
        return render(request, "syncs/syncs/attention.html", shown)
    stage, problem, field = (request.GET.get(name, "") for name in ("stage", "problem", "field"))
    groups = run_groups.groups_of(found.filter(stage=stage, problem=problem, field=field), adapter)
    back = "newer" in request.GET
    named = paging.public_id(request.GET.get("newer" if back else "older", ""))
    start = RejectedRow.objects.filter(sync=sync, public_id=named).first() if named else None
    page = run_groups.page_of(found.select_related("run"), groups, start=start, back=back)
    shown |= {
        "group": groups[0] if groups else run_groups.Group(stage, problem, field, 0, None, adapter),
        "rows": page.objects,
        "newer": page.newer,
        "older": page.older,
    }
    return render(request, "syncs/syncs/attention_rows.html", shown)


@of_sync(Can.RUN)
def sync_attention_again(request: TeamRequest, sync: Sync) -> HttpResponse:
    """Send ticked rows again, a group, or all that is open."""
    here = reverse("sync_attention", args=[request.team.slug, sync.public_id])
    if request.method != "POST":
        return redirect(here)
    form = SendAgainForm(request.POST)
    if not form.is_valid():
        said = [str(error) for error in form.non_field_errors()]
        messages.error(request, " ".join(said) or "It was not clear which rows to send again.")
        return redirect(_back(request, here))
    asked = form.cleaned_data
    found = attention.open_rows(sync)
    if asked["what"] == form.CHOSEN:
        rows = found.filter(public_id__in=asked["rows"])
        keys = list(rows.sendable().order_by().values_list("key_text", flat=True).distinct())
        if not keys:
            messages.warning(request, nothing_to_send(rows))
            return redirect(_back(request, here))
        return asked_again.ask(request, sync, keys=keys, count=len(keys), otherwise=_back(request, here))
    choice: dict[str, Any] = {}
    if asked["what"] in {form.GROUP, form.STAGE}:
        of_group = asked["what"] == form.GROUP
        choice = attention.choice(
            stage=asked["stage"],
            problem=asked["problem"] if of_group else "",
            field=asked["field"] if of_group else None,
        )
    rows = found.filter(attention.chosen([choice]) if choice else Q())
    count = rows.sendable().count()
    if not count:
        messages.warning(request, nothing_to_send(rows))
        return redirect(_back(request, here))
    return asked_again.ask(request, sync, open_rows=[choice], count=count, otherwise=_back(request, here))


@of_sync(Can.RUN)
def sync_waiting_remove(request: TeamRequest, sync: Sync) -> HttpResponse:
    """Take back what waits to be sent again."""
    if request.method == "POST":
        if again.take_back(sync):
            messages.success(request, "What waited to be sent again was taken back.")
        else:
            messages.warning(request, "Nothing waits any more: its run has begun, or somebody took it back.")
    return redirect("sync_attention", request.team.slug, sync.public_id)


def _back(request: TeamRequest, here: str) -> str:
    """The list that the rows were chosen in."""
    if not request.POST.get("problem"):
        return here
    narrowed = {name: request.POST.get(name, "") for name in ("stage", "problem", "field")}
    return f"{here}?{urlencode(narrowed)}"
