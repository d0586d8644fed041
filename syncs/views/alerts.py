"""Alerts: what is wrong now, the rules, the targets, and the log of what was sent."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from syncadmin.lib.paging import newest_first
from syncadmin.teams.access import Can, TeamRequest, may, needs
from syncs.alerts import changes
from syncs.forms.alerts import RuleForm
from syncs.models import Alert, AlertMessage, AlertRule, AlertTarget, Sync
from syncs.views.alert_facts import rule_lines, rule_words, target_lines

MOST_RULES = 200  # on the page; those of single syncs are on the syncs' pages, too


@needs(Can.LOOK)
def alerts(request: TeamRequest) -> HttpResponse:
    """What is wrong now, who is told what, and where."""
    wrong = Alert.objects.filter(team=request.team, recovered_at__isnull=True)
    rules = AlertRule.objects.filter(team=request.team).select_related("sync").prefetch_related("targets")
    shown = list(rules.order_by("sync__name", "pk")[: MOST_RULES + 1])
    shown.sort(key=lambda rule: rule.sync is not None)
    page = newest_first(wrong, request.GET, size=20)
    context = {
        "section": "alerts",
        "alerts": page.objects,
        "page": page,
        "wrong_count": wrong.count(),
        "rules": rule_lines(shown[:MOST_RULES]),
        "has_more_rules": len(shown) > MOST_RULES,
        "targets": target_lines(request.team),
        "may_change_rules": may(request, Can.ALERTS),
        "may_change_targets": may(request, Can.TARGETS),
    }
    return render(request, "syncs/alerts/alerts.html", context)


@needs(Can.LOOK)
def alert_log(request: TeamRequest) -> HttpResponse:
    """What was sent where, when, and what came of it; the newest first."""
    found = AlertMessage.objects.filter(team=request.team)
    page = newest_first(found, request.GET)
    context = {
        "section": "alerts",
        "sent": page.objects,
        "page": page,
        "is_paged": bool(request.GET.get("older") or request.GET.get("newer")),
    }
    return render(request, "syncs/alerts/log.html", context)


@needs(Can.LOOK)
def alert_message(request: TeamRequest, message: UUID) -> HttpResponse:
    """One message as it was sent."""
    found = get_object_or_404(AlertMessage, team=request.team, public_id=message)
    return render(request, "syncs/alerts/message.html", {"section": "alerts", "sent": found})


@needs(Can.ALERTS)
def rule_add(request: TeamRequest) -> HttpResponse:
    """A rule for all syncs; with `sync` in the address, for that one."""
    sync = None
    if asked := request.GET.get("sync", ""):
        sync = get_object_or_404(Sync, team=request.team, public_id=_uuid(asked))
    form = RuleForm(request.POST or None, team=request.team, sync=sync)
    return _rule(request, form, sync, None)


@needs(Can.ALERTS)
def rule_edit(request: TeamRequest, rule: UUID) -> HttpResponse:
    found = _find_rule(request, rule)
    form = RuleForm(request.POST or None, team=request.team, sync=found.sync, instance=found)
    return _rule(request, form, found.sync, found)


@needs(Can.ALERTS)
def rule_remove(request: TeamRequest, rule: UUID) -> HttpResponse:
    """Remove a rule, after asking."""
    found = _find_rule(request, rule)
    if request.method == "POST":
        words = rule_words(found)
        changes.remove_rule(request, found)
        messages.success(request, f"The rule “{words}” is removed.")
        return redirect("alerts", request.team.slug)
    context = {"section": "alerts", "rule": found, "words": rule_words(found)}
    return render(request, "syncs/alerts/rule_remove.html", context)


@require_POST
@needs(Can.ALERTS)
def rules_usual(request: TeamRequest) -> HttpResponse:
    """Add the usual rules that the team lacks."""
    if added := changes.add_usual(request, request.team):
        messages.success(request, f"{added} rules were added. Change or remove what does not suit you.")
    else:
        messages.info(request, "The team has all of the usual rules.")
    return redirect("alerts", request.team.slug)


def _rule(request: TeamRequest, form: RuleForm, sync: Sync | None, stored: AlertRule | None) -> HttpResponse:
    """The form of a rule: shown, or saved."""
    if request.method == "POST" and form.is_valid():
        try:
            rule = form.rule
            changes.save_rule(request, rule, form.chosen)
        except changes.AlreadyThere as there:
            messages.error(request, f"{there} Change that one.")
            return redirect("alert_rule_edit", request.team.slug, there.rule.public_id)
        messages.success(request, f"Saved: {rule_words(rule)}.")
        if sync is not None:
            return redirect("sync", request.team.slug, sync.public_id)
        return redirect("alerts", request.team.slug)
    context = {
        "section": "alerts",
        "form": form,
        "sync": sync,
        "rule": stored,
        "has_targets": AlertTarget.objects.filter(team=request.team).exists(),
        "may_change_targets": may(request, Can.TARGETS),
    }
    return render(request, "syncs/alerts/rule.html", context, status=422 if form.errors else 200)


def _find_rule(request: TeamRequest, public_id: UUID) -> AlertRule:
    found = AlertRule.objects.filter(team=request.team).select_related("sync", "team")
    return get_object_or_404(found, public_id=public_id)


def _uuid(text: str) -> UUID:
    """The id that an address spells; one that nothing has where it spells none."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)
