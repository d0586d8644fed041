"""The team's own lists of mail domains: what guards of all its syncs let through, and what they hold back."""

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render

from syncadmin.lib.shown import counted
from syncadmin.teams import audit
from syncadmin.teams.access import Can, TeamRequest, needs
from syncs.engine.mail_domains import DISPOSABLE, PERSONAL
from syncs.forms.guard_form import tidied_domain
from syncs.models import MailDomain

MOST = 5_000
LONGEST = 100_000


@needs(Can.LOOK)
def mail_domains(request: TeamRequest) -> HttpResponse:
    """Both lists, with what can be added and removed."""
    typed, wrong = "", ""
    verdict = request.POST.get("verdict", MailDomain.Verdict.BLOCKED)
    if request.method == "POST" and request.may_edit:
        if (gone := request.POST.get("remove", "")) != "":
            with transaction.atomic():
                if MailDomain.objects.filter(team=request.team, domain=gone).delete()[0]:
                    told = {"domains": [gone]}
                    audit.record(request, request.team, audit.Action.MAIL_DOMAINS_CHANGED, before=told)
            messages.success(request, f"{gone} is off the lists. The next run of each sync goes by that.")
            return redirect("mail_domains", request.team.slug)
        typed = request.POST.get("domains", "")[:LONGEST]
        wrong = _add(request, typed, verdict)
        if not wrong:
            return redirect("mail_domains", request.team.slug)
    found = MailDomain.objects.filter(team=request.team).order_by("domain")
    context = {
        "section": "syncs",
        "blocked": [one for one in found if one.verdict == MailDomain.Verdict.BLOCKED],
        "allowed": [one for one in found if one.verdict == MailDomain.Verdict.ALLOWED],
        "installation_blocked": sorted(settings.BLOCKED_DOMAINS),
        "installation_allowed": sorted(settings.ALLOWED_DOMAINS),
        "shipped": [("personal", PERSONAL), ("disposable", DISPOSABLE)],
        "typed": typed,
        "verdict": verdict,
        "wrong": wrong,
    }
    return render(request, "syncs/guards/domains.html", context)


def _add(request: TeamRequest, typed: str, verdict: str) -> str:
    """Put domains on a list; returns what is wrong with them, and then changes nothing."""
    words = [word for word in typed.replace(",", " ").split() if word]
    tidied = {word: tidied_domain(word) for word in words}
    if verdict not in MailDomain.Verdict.values:
        return "Choose one of the lists."
    if not words:
        return "Type at least one domain."
    if bad := [word for word, domain in tidied.items() if domain is None]:
        return f"“{bad[0][:80]}” is not a domain. Write it like acme.com."
    domains = {domain for domain in tidied.values() if domain}
    with transaction.atomic():
        kept = MailDomain.objects.filter(team=request.team)
        if kept.exclude(domain__in=domains).count() + len(domains) > MOST:
            return f"A team's lists hold at most {MOST:,} domains."
        kept.filter(domain__in=domains).delete()
        MailDomain.objects.bulk_create(
            MailDomain(team=request.team, domain=domain, verdict=verdict) for domain in sorted(domains)
        )
        listed = {verdict: sorted(domains)}
        audit.record(request, request.team, audit.Action.MAIL_DOMAINS_CHANGED, after=listed)
    told = f"{counted(len(domains), 'domain is', 'domains are')} {MailDomain.Verdict(verdict).label.lower()}"
    messages.success(request, f"{told}. The next run of each sync goes by that.")
    return ""
