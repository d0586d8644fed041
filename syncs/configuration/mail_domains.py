"""The team's own lists of mail domains in a document: compared, written and exported.

```yaml
mail_domains: {allowed: [gmail.com], blocked: [acme.com, rival.com]}
```

A document that has the key says all of both lists; one without it leaves them as they are.
"""

from collections.abc import Iterator, Mapping

from syncadmin.teams.models import Team
from syncs.models import MailDomain

Lists = Mapping[str, str]  # a domain → its verdict


def stored_mail_domains(team: Team | None) -> dict[str, str]:
    """The team's lists as they are."""
    if team is None:
        return {}
    return dict(MailDomain.objects.filter(team=team).order_by("domain").values_list("domain", "verdict"))


def mail_domain_lines(team: Team | None, wanted: Lists | None) -> Iterator[str]:
    """One line for each domain that is new on a list, on another one, or on none any more."""
    if wanted is None:
        return
    before = stored_mail_domains(team)
    for domain in sorted({*before, *wanted}):
        old, new = before.get(domain, "on no list"), wanted.get(domain, "on no list")
        if old != new:
            yield f"mail domain {domain}: {old} → {new}"


def write_mail_domains(team: Team, wanted: Lists | None) -> None:
    """Make the team's lists these, in the caller's transaction."""
    if wanted is None or stored_mail_domains(team) == wanted:
        return
    MailDomain.objects.filter(team=team).delete()
    MailDomain.objects.bulk_create(
        MailDomain(team=team, domain=domain, verdict=verdict) for domain, verdict in sorted(wanted.items())
    )


def export_mail_domains(team: Team) -> dict[str, list[str]]:
    """The lists as a document has them; empty where there are none."""
    found: dict[str, list[str]] = {}
    for domain, verdict in stored_mail_domains(team).items():
        found.setdefault(verdict, []).append(domain)
    return found
