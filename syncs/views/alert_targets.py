"""Where alerts go: adding, changing and removing targets, and sending a test."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from syncadmin.teams.access import Can, TeamRequest, needs
from syncs.alerting.addresses import KINDS, TargetKind
from syncs.alerts import changes, sending
from syncs.forms.alerts import TargetForm
from syncs.models import AlertMessage, AlertTarget


@needs(Can.TARGETS)
def target_add(request: TeamRequest) -> HttpResponse:
    """The kinds of targets."""
    kinds = [(kind.value, facts.label, facts.help) for kind, facts in KINDS.items()]
    return render(request, "syncs/alerts/target_kinds.html", {"section": "alerts", "kinds": kinds})


@needs(Can.TARGETS)
def target_add_kind(request: TeamRequest, kind: str) -> HttpResponse:
    if kind not in {one.value for one in TargetKind}:
        raise Http404
    form = TargetForm(request.POST or None, kind=TargetKind(kind), team=request.team)
    return _target(request, form, AlertTarget(team=request.team, kind=kind))


@needs(Can.TARGETS)
def target_edit(request: TeamRequest, target: UUID) -> HttpResponse:
    found = _find(request, target)
    form = TargetForm(request.POST or None, kind=TargetKind(found.kind), team=request.team, instance=found)
    return _target(request, form, found)


@needs(Can.TARGETS)
def target_remove(request: TeamRequest, target: UUID) -> HttpResponse:
    """Remove a target, after asking."""
    found = _find(request, target)
    if request.method == "POST":
        changes.remove_target(request, found)
        messages.success(request, f"The target “{found.name}” is removed. Nothing is sent there any more.")
        return redirect("alerts", request.team.slug)
    waiting = found.messages.filter(status=AlertMessage.Status.WAITING).count()
    rules = found.rules.select_related("sync").filter(to_all=False)
    context = {"section": "alerts", "target": found, "waiting": waiting, "rules": rules}
    return render(request, "syncs/alerts/target_remove.html", context)


@require_POST
@needs(Can.ALERTS)
def target_test(request: TeamRequest, target: UUID) -> HttpResponse:
    """Send a test now, and say what came of it."""
    found = _find(request, target)
    result = sending.send_test(found, request.user.email)
    if result.sent:
        messages.success(
            request, f"A test was sent to “{found.name}”. {result.told} Look whether it arrived."
        )
    else:
        messages.error(request, f"The test to “{found.name}” failed. {result.told}")
    return redirect("alerts", request.team.slug)


def _target(request: TeamRequest, form: TargetForm, target: AlertTarget) -> HttpResponse:
    """The form of a target: shown, or saved."""
    if request.method == "POST" and form.is_valid():
        target.name = form.cleaned_data["name"]
        try:
            changes.save_target(request, target, form.address, form.people)
        except IntegrityError:
            form.add_error("name", "The team already has a target with this name.")
        else:
            messages.success(request, f"Saved. Send a test to “{target.name}” to see whether it arrives.")
            return redirect("alerts", request.team.slug)
    context = {
        "section": "alerts",
        "form": form,
        "facts": form.facts,
        "target": target,
        "is_mail": form.kind is TargetKind.EMAIL,
        "sends_mail": settings.SENDS_MAIL,
    }
    return render(request, "syncs/alerts/target.html", context, status=422 if form.errors else 200)


def _find(request: TeamRequest, public_id: UUID) -> AlertTarget:
    return get_object_or_404(
        AlertTarget.objects.select_related("team"), team=request.team, public_id=public_id
    )
