"""Connections and their accounts: do they work, and what is left of their limits?"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from destinations import registry
from destinations.admin.standing import budget_lines, outage_words
from destinations.models import Connection, Exchange, OAuthToken, RemoteAccount
from syncadmin.lib.history import (
    HistoryAdmin,
    list_of,
    page_of,
)
from syncadmin.lib.narrowing import TeamScope
from syncadmin.lib.shown import (
    Tone,
    counted,
    link,
    moment,
    preformatted,
    pretty,
    tag,
    without_secrets,
)

MOST_LINKS = 50

HEALTH = {
    Connection.Health.UNTESTED: Tone.QUIET,
    Connection.Health.GOOD: Tone.GOOD,
    Connection.Health.ATTENTION: Tone.BAD,
}


def destination_label(key: str) -> str:
    """The destination's name; its key where this installation does not have it."""
    try:
        return registry.adapter(key).label
    except registry.UnknownDestination:
        return f"{key} (not part of this installation)"


@admin.register(Connection)
class ConnectionAdmin(HistoryAdmin):
    about = "The teams' sign-ins at destinations: do they work?"
    list_display = ("name", "team_name", "service", "account_name", "health_label", "last_good")
    list_filter = ("health", "destination", TeamScope)
    list_select_related = ("team", "account")
    list_fields: ClassVar = (
        "public_id",
        "name",
        "destination",
        "health",
        "last_good_at",
        "team__name",
        "account__name",
        "account__destination",
        "account__public_id",
    )
    search_fields = ("name",)
    search_help_text = "A part of the name"
    ordering = ("name", "pk")
    fieldsets = (
        (None, {"fields": ("name", "team_name", "service", "of_account")}),
        ("Health", {"fields": ("health_label", "health_reason", "checked", "last_good", "signed_in")}),
        ("Account", {"fields": ("outage", "limits")}),
        ("Settings", {"fields": ("options_shown", "secrets", "known_fields")}),
        ("For the record", {"classes": ("collapse",), "fields": ("public_id", "created", "updated")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        return super().get_queryset(request).select_related("team", "account")

    def search(self, queryset: QuerySet[Connection], term: str) -> QuerySet[Connection]:
        return queryset.filter(name__icontains=term)

    @admin.display(description="Team")
    def team_name(self, connection: Connection) -> str:
        return connection.team.name

    @admin.display(description="Destination")
    def service(self, connection: Connection) -> str:
        return destination_label(connection.destination)

    @admin.display(description="Account")
    def account_name(self, connection: Connection) -> str:
        return connection.account.name or f"the account of “{connection.name}”"

    @admin.display(description="Account")
    def of_account(self, connection: Connection) -> SafeString:
        return link(page_of(connection.account), connection.account)

    @admin.display(description="Health")
    def health_label(self, connection: Connection) -> SafeString:
        found = Connection.Health(connection.health)
        return tag(found.label, HEALTH[found])

    @admin.display(description="Last tested")
    def checked(self, connection: Connection) -> SafeString | str:
        return moment(connection.checked_at)

    @admin.display(description="Last found working")
    def last_good(self, connection: Connection) -> SafeString | str:
        return moment(connection.last_good_at)

    @admin.display(description="Sign-in")
    def signed_in(self, connection: Connection) -> SafeString | str:
        if connection.sign_in != Connection.SignIn.OAUTH:
            return "By API key"
        token = OAuthToken.objects.filter(connection=connection).defer("sealed_tokens").first()
        if token is None:
            return tag("Nobody has signed in yet", Tone.BAD)
        if token.refused_reason:
            return format_html("{} {}", tag("No longer good", Tone.BAD), token.refused_reason)
        return format_html(
            "Signed in {}, renewed {}, good until {}; may {}",
            moment(token.signed_in_at),
            moment(token.renewed_at) if token.renewed_at else "not yet",
            moment(token.expires_at),
            token.scopes or "what the service does not tell",
        )

    @admin.display(description="Outage")
    def outage(self, connection: Connection) -> str:
        return outage_words(connection.account, timezone.now())

    @admin.display(description="Limits and use")
    def limits(self, connection: Connection) -> str:
        return "\n".join(budget_lines(connection.account, connection.options, timezone.now()))

    @admin.display(description="Settings")
    def options_shown(self, connection: Connection) -> SafeString:
        return preformatted(pretty(without_secrets(connection.options)))

    @admin.display(description="Secrets")
    def secrets(self, connection: Connection) -> str:
        return "Stored, encrypted; never shown" if connection.sealed_credentials else "None"

    @admin.display(description="Fields")
    def known_fields(self, connection: Connection) -> SafeString | str:
        told = format_html_join(
            mark_safe("<br>"),
            "{}: {}, fetched {}",
            (
                (
                    object_key,
                    counted(len(known["fields"]), "field"),
                    moment(datetime.fromisoformat(known["fetched_at"])),
                )
                for object_key, known in sorted(connection.fields.items())
            ),
        )
        return told or "Never fetched"

    @admin.display(description="Created")
    def created(self, connection: Connection) -> SafeString | str:
        return moment(connection.created_at)

    @admin.display(description="Changed")
    def updated(self, connection: Connection) -> SafeString | str:
        return moment(connection.updated_at)

    def links(self, connection: Connection) -> Iterator[tuple[str, str]]:
        yield "Account", page_of(connection.account)
        yield "Requests", list_of(Exchange, connection=connection.public_id)

    def in_app(self, connection: Connection) -> str:
        return reverse("connection", args=[connection.team.slug, connection.public_id])


@admin.register(RemoteAccount)
class RemoteAccountAdmin(HistoryAdmin):
    about = "The accounts behind the connections: do they answer, and what is left of their limits?"
    list_display = ("account", "team_name", "service", "remote_id", "outage_label")
    list_filter = ("destination", TeamScope)
    list_select_related = ("team",)
    list_fields: ClassVar = (
        "public_id",
        "name",
        "destination",
        "remote_id",
        "down_since",
        "team__name",
    )
    search_fields = ("name",)
    search_help_text = "A part of the name, or the whole id at the service"
    ordering = ("name", "pk")
    fieldsets = (
        (None, {"fields": ("account", "team_name", "service", "remote_id")}),
        ("Now", {"fields": ("outage", "limits")}),
        ("For the record", {"classes": ("collapse",), "fields": ("public_id", "created")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[RemoteAccount]:
        return (
            super()
            .get_queryset(request)
            .select_related("team")
            .prefetch_related(Prefetch("connections", Connection.objects.only("name", "account")))
        )

    def search(self, queryset: QuerySet[RemoteAccount], term: str) -> QuerySet[RemoteAccount]:
        return queryset.filter(Q(name__icontains=term) | Q(remote_id=term))

    @admin.display(description="Account")
    def account(self, account: RemoteAccount) -> str:
        return str(account)

    @admin.display(description="Team")
    def team_name(self, account: RemoteAccount) -> str:
        return account.team.name

    @admin.display(description="Destination")
    def service(self, account: RemoteAccount) -> str:
        return destination_label(account.destination)

    @admin.display(description="Outage")
    def outage_label(self, account: RemoteAccount) -> SafeString:
        return tag("Not answering", Tone.BAD) if account.down_since else tag("No outage", Tone.GOOD)

    @admin.display(description="Outage")
    def outage(self, account: RemoteAccount) -> str:
        return outage_words(account, timezone.now())

    @admin.display(description="Limits and use")
    def limits(self, account: RemoteAccount) -> str:
        first = account.connections.order_by("pk").first()
        return "\n".join(budget_lines(account, first.options if first else {}, timezone.now()))

    @admin.display(description="Created")
    def created(self, account: RemoteAccount) -> SafeString | str:
        return moment(account.created_at)

    def more(self, request: HttpRequest, account: RemoteAccount) -> dict[str, Any]:
        connections = account.connections.order_by("name").only("public_id", "name", "health")[:MOST_LINKS]
        return {
            "parts_title": "Connections",
            "parts": [
                (page_of(one), one.name, tag(one.get_health_display(), HEALTH[Connection.Health(one.health)]))
                for one in connections
            ],
        }
