"""Alice's team with one of everything that an address may name, and every address that there is.

A page whose address names something new is tried by strangers by itself, if its model is called as the part
of the address (`<uuid:source>` → Source). Else, or where Alice has none of it yet: make one in `fill`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

from django.apps import apps
from django.db import connection as database
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from destinations.models import Connection, ConnectionShare, RemoteAccount
from syncadmin.lib import bearer
from syncadmin.lib.crypto import Secret
from syncadmin.teams.models import ApiToken, AuditEntry, Invitation, Membership, Team, User
from syncs.configuration import versions
from syncs.configuration.guard_save import mark_of
from syncs.models import (
    AlertMessage,
    AlertRoute,
    AlertRule,
    AlertTarget,
    FieldMapping,
    MailDomain,
    QueryModel,
    Run,
    Source,
    Sync,
    SyncSchedule,
)
from syncs.views.people import reference
from tests.syncs.admin.history import make_batch, make_exchange, make_row, make_run

PART = re.compile(r"<(?:(\w+):)?(\w+)>|\(\?P<(\w+)>[^)]*\)")
SCOPES = [scope.value for scope in ApiToken.Scope]


@dataclass(frozen=True)
class Place:
    """An address of the site: its route as in the URL conf, and what its parts are called."""

    route: str
    name: str
    parts: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} ({self.route})"


def places() -> list[Place]:
    """Every address that the URL conf knows."""

    def walk(found: list[Any], before: str) -> Iterator[Place]:
        for one in found:
            route = before + str(one.pattern).lstrip("^").rstrip("$")
            if isinstance(one, URLResolver):
                yield from walk(one.url_patterns, route)
            elif isinstance(one, URLPattern):
                parts = tuple(match[2] or match[3] for match in PART.finditer(route))
                yield Place(route, str(one.name), parts)

    return list(walk(get_resolver().url_patterns, ""))


def fill(team: Team, owner: User, *, whose: str = "alices") -> dict[str, Any]:
    """Make one of everything, named by whose it is.

    Returns what stands for the parts of addresses that are no model's name.
    """
    source = Source(team=team, name=f"{whose} source", kind="duckdb")
    source.credentials = {"password": Secret("x")}
    source.save()
    sql = "select 1 as id, 'ann@acme.com' as email"
    model = QueryModel.objects.create(
        team=team, source=source, name=f"{whose} model", sql=sql, primary_key=["id"]
    )
    connection = Connection(
        team=team,
        account=RemoteAccount.objects.create(team=team, destination="salesloft"),
        name=f"{whose} connection",
        destination="salesloft",
        options={"base_url": "http://127.0.0.1:9"},
    )
    connection.credentials = {"api_key": Secret("x")}
    connection.save()
    guards = [{"name": f"{whose} guard", "hold_back": {"all": [{"column": "email", "is": "x"}]}}]
    sync = Sync.objects.create(
        team=team,
        name=f"{whose} sync",
        model=model,
        connection=connection,
        object_key="people",
        upsert_key="email_address",
        guards=guards,
    )
    FieldMapping.objects.create(team=team, sync=sync, position=0, field="email_address", column="email")
    versions.keep(sync, author=owner)
    FieldMapping.objects.create(team=team, sync=sync, position=1, field="first_name", column="email")
    versions.keep(sync, author=owner)
    SyncSchedule.objects.create(team=team, sync=sync, rule={"every": "1h"}, next_at=timezone.now())
    MailDomain.objects.create(team=team, domain=f"{whose}.example", verdict="blocked")
    target = AlertTarget.objects.create(team=team, name=f"{whose} target", kind="webhook")
    rule = AlertRule.objects.create(team=team, kind="failed", to_all=False)
    AlertRoute.objects.create(team=team, rule=rule, target=target)
    AlertMessage.objects.create(
        team=team,
        target=target,
        target_name=target.name,
        sort="test",
        title=f"{whose} message",
        body="x",
        short="x",
        created_at=timezone.now(),
    )
    run = make_run(sync=sync, status=Run.Status.STOPPED)
    make_row(run=run, is_open=True)
    make_exchange(run=run, batch=make_batch(run=run, keys=["7"]))
    partner = Team.objects.create(slug=f"{whose}-partner", name="Partner")
    ConnectionShare.objects.create(
        team=team, connection=connection, with_team=partner, objects_allowed=["people"]
    )
    Invitation.objects.create(
        team=team,
        email=f"{whose}@guests.example",
        digest=bearer.digest(whose),
        expires_at=timezone.now() + timedelta(days=1),
    )
    make_token(team, owner, f"{whose} token")
    return {
        "team": team.slug,
        "key": "salesloft",
        "kind": "duckdb",
        "model": model.public_id,
        "batch": 1,
        "position": 0,
        "number": 1,
        "guard": mark_of(guards),  # type: ignore[list-item]
        "guard_kind": "hold_back",
        "ref": reference(team, "ann@acme.com"),
        "uidb64": "MQ",
        "secret": "x",
        "member": Membership.objects.get(team=team, user=owner).public_id,
    }


def make_token(team: Team, by: User, name: str) -> str:
    """An API token that may everything; its secret."""
    secret = bearer.make("api_")
    ApiToken.objects.create(
        team=team,
        name=name,
        digest=bearer.digest(secret),
        ending=secret[-4:],
        scopes=SCOPES,
        made_by=by,
        expires_at=timezone.now() + timedelta(days=1),
    )
    return secret


def address_of(place: Place, names: dict[str, Any], team: Team) -> str:
    """The address with Alice's things in it. LookupError where she has none of a kind."""

    def filled(match: re.Match[str]) -> str:
        converter, part = match[1], match[2] or match[3]
        if part == "row":
            return str(0 if converter == "int" else _alices("rejectedrow", team).public_id)  # type: ignore[attr-defined]
        if part == "token":
            return str(_alices("apitoken", team).public_id) if converter == "uuid" else "set-password"  # type: ignore[attr-defined]
        if part in names:
            return str(names[part])
        return str(getattr(_alices(part, team), "public_id", None) or _alices(part, team).pk)

    return "/" + PART.sub(filled, place.route)


def rows_of(team: Team) -> dict[str, list[str]]:
    """All that the team has, whoever changed it."""
    found = {}
    for model in apps.get_models():
        if "team" in {field.name for field in model._meta.fields} and model is not AuditEntry:
            found[model.__name__] = [
                str(row) for row in model._default_manager.filter(team=team).values_list()
            ]
    return found


class Forms(HTMLParser):
    """The fields of a page's forms, as a browser would send them: name → value."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name, value = given.get("name", ""), given.get("value", "")
        if tag in {"select", "textarea"}:
            self._inside = name
        elif tag == "option" and self._inside and (value or "selected" in given):
            if "selected" in given or not self.fields.get(self._inside):
                self.fields[self._inside] = value
        elif tag in {"input", "button"} and name not in {"", "csrfmiddlewaretoken"}:
            self.fields[name] = value

    def handle_endtag(self, tag: str) -> None:
        if tag in {"select", "textarea"}:
            self._inside = ""


def strays(team: Team) -> list[str]:
    """What of the team refers to something of another team."""
    found = []
    for model in apps.get_models():
        if "team" not in {field.name for field in model._meta.fields}:
            continue
        for field in model._meta.fields:
            to = field.related_model
            if field.is_relation and isinstance(to, type) and hasattr(to, "team_id"):
                others = model._default_manager.filter(team=team).exclude(
                    **{f"{field.name}__team": team, f"{field.name}__isnull": False}
                )
                found += [f"{row!r}.{field.name}" for row in others.exclude(**{f"{field.name}": None})]
    return found


def public_ids(team: Team) -> dict[str, list[str]]:
    """The ids by which addresses and forms name the team's things, by model, in the order they were made."""
    found: dict[str, list[str]] = {}
    for model in apps.get_models():
        fields = {field.name for field in model._meta.fields}
        if {"team", "public_id"} <= fields:
            ids = model._default_manager.filter(team=team).order_by("pk").values_list("public_id", flat=True)
            found[model.__name__] = [str(one) for one in ids]
    return found


def _alices(name: str, team: Team) -> Model:
    """Her one of the model that is called so."""
    for model in apps.get_models():
        fields = {field.name for field in model._meta.get_fields()}
        called = {name.replace("_", ""), f"alert{name}", f"connection{name}"}
        if model._meta.model_name in called and "team" in fields:
            found = model._default_manager.filter(team=team).first()
            if found is not None:
                return found
    raise LookupError(
        f"Alice has no {name}, which is a part of an address. Make one in `fill` of {__name__}, so that "
        "strangers are tried there, too."
    )


# Who is there, what was tried, and that somebody looked.
COMES_AND_GOES = ("django_session", "teams_throttle", "axes_accessattempt", "teams_auditentry")


def state() -> dict[str, list[str]]:
    """All rows of all tables that somebody can change."""
    found = {}
    with database.cursor() as cursor:
        for table in sorted(database.introspection.table_names(cursor)):
            if table not in COMES_AND_GOES:
                cursor.execute(f"select * from {database.ops.quote_name(table)}")
                found[table] = sorted(map(str, cursor.fetchall()))
    return found
