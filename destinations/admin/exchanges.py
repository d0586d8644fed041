"""Exchanges: what went over the wire, as it was kept, without secrets."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from destinations.models import Connection, Exchange
from syncadmin.lib import personal
from syncadmin.lib.history import (
    HistoryAdmin,
    list_of,
    page_of,
)
from syncadmin.lib.narrowing import RelatedScope, Scope, TeamScope, as_uuid
from syncadmin.lib.shown import (
    NOTHING,
    Tone,
    link,
    moment,
    preformatted,
    short,
    tag,
)
from syncadmin.teams.models import Team


class ConnectionScope(RelatedScope):
    title = "connection"
    parameter_name = "connection"

    def named(self, objects: QuerySet[Any]) -> QuerySet[Any]:
        return objects.select_related("team").only("name", "public_id", "team__name")

    def offered(self, request: HttpRequest) -> QuerySet[Any]:
        team = as_uuid(request.GET.get("team", ""))
        every = super().offered(request)
        return every.filter(team__public_id=team) if team else every

    def label(self, one: Connection) -> str:
        return f"{one.name} · {one.team.name}"


class SubjectScope(Scope):
    """Exchanges that were made for one thing: a run. Nothing is offered: runs link here."""

    title = "what it was for"
    parameter_name = "subject"
    whole = True

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        return [(self.value() or "", f"Run {self.value()}")] if self.value() else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Exchange]) -> QuerySet[Exchange]:
        if self.value() is None:
            return queryset
        subject = as_uuid(self.value() or "")
        if subject is None:
            raise IncorrectLookupParameters
        # The index begins with the team, and a subject is of one team.
        return queryset.filter(team__in=Team.objects.order_by().values("pk"), subject=subject)


class StatusFilter(admin.SimpleListFilter):
    title = "answer"
    parameter_name = "answer"
    KINDS = {
        "failed": ("All that failed", ~Q(status__range=(200, 299)) | Q(status__isnull=True)),
        "none": ("No answer", Q(status__isnull=True)),
        "2": ("2xx: done", Q(status__range=(200, 299))),
        "3": ("3xx: elsewhere", Q(status__range=(300, 399))),
        "4": ("4xx: refused", Q(status__range=(400, 499))),
        "429": ("429: too many", Q(status=429)),
        "5": ("5xx: failed there", Q(status__range=(500, 599))),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        return [(value, words) for value, (words, _) in self.KINDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Exchange]) -> QuerySet[Exchange]:
        if self.value() is None:
            return queryset
        try:
            return queryset.filter(self.KINDS[str(self.value())][1])
        except KeyError:
            raise IncorrectLookupParameters from None


def status_tag(exchange: Exchange) -> SafeString:
    status = exchange.status
    if status is None:
        return tag("no answer", Tone.BAD)
    tone = {2: Tone.GOOD, 3: Tone.QUIET, 4: Tone.CARE}.get(status // 100, Tone.BAD)
    return tag(str(status), tone)


@admin.register(Exchange)
class ExchangeAdmin(HistoryAdmin):
    list_display = (
        "started",
        "connection_name",
        "team_name",
        "method",
        "url_short",
        "status_label",
        "took",
        "error_short",
    )
    list_filter = (StatusFilter, TeamScope, ConnectionScope, SubjectScope)
    list_select_related = ("connection", "team")
    list_fields: ClassVar = (
        "public_id",
        "started_at",
        "method",
        "url",
        "status",
        "milliseconds",
        "error",
        "connection__name",
        "team__name",
    )
    about = "What went over the wire and what was answered, without secrets. The newest first."
    hides_in_lists = True
    search_fields = ("subject",)
    search_help_text = "A run's id, or a request's"
    fieldsets = (
        (
            "What happened",
            {
                "fields": (
                    "started",
                    "method",
                    "url_shown",
                    "status_label",
                    "error_shown",
                    "took",
                    "of_connection",
                    "team_name",
                )
            },
        ),
        ("Sent", {"fields": ("request_headers_shown", "request_body_shown")}),
        ("Answered", {"fields": ("reply_headers_shown", "reply_body_shown")}),
        ("For the record", {"classes": ("collapse",), "fields": ("public_id", "subject", "call")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Exchange]:
        found = super().get_queryset(request).select_related("connection", "team")
        return found.defer("connection__sealed_credentials", "connection__fields")

    def search(self, queryset: QuerySet[Exchange], term: str) -> QuerySet[Exchange]:
        public_id = as_uuid(term)
        if public_id is None:
            return queryset.none()
        one = queryset.filter(public_id=public_id)
        of_run = queryset.filter(team__in=Team.objects.order_by().values("pk"), subject=public_id)
        return one if one.exists() else of_run

    @admin.display(description="Time")
    def started(self, exchange: Exchange) -> SafeString | str:
        return moment(exchange.started_at)

    @admin.display(description="Connection")
    def connection_name(self, exchange: Exchange) -> str:
        return exchange.connection.name

    @admin.display(description="Connection")
    def of_connection(self, exchange: Exchange) -> SafeString:
        return link(page_of(exchange.connection), exchange.connection.name)

    @admin.display(description="Team")
    def team_name(self, exchange: Exchange) -> str:
        return exchange.team.name

    @admin.display(description="URL")
    def url_short(self, exchange: Exchange) -> str:
        return short(personal.address(exchange.url), 80)

    @admin.display(description="URL")
    def url_shown(self, exchange: Exchange) -> str:
        return personal.address(exchange.url)

    @admin.display(description="Answer")
    def status_label(self, exchange: Exchange) -> SafeString:
        return status_tag(exchange)

    @admin.display(description="Took")
    def took(self, exchange: Exchange) -> str:
        return f"{exchange.milliseconds:,} ms"

    @admin.display(description="Error")
    def error_short(self, exchange: Exchange) -> str:
        return short(personal.words(exchange.error), 100) or NOTHING

    @admin.display(description="Error")
    def error_shown(self, exchange: Exchange) -> str:
        return personal.words(exchange.error) or NOTHING

    @admin.display(description="Headers")
    def request_headers_shown(self, exchange: Exchange) -> SafeString:
        return _headers(exchange.request_headers)

    @admin.display(description="Body")
    def request_body_shown(self, exchange: Exchange) -> SafeString:
        return preformatted(personal.body(exchange.request_text))

    @admin.display(description="Headers")
    def reply_headers_shown(self, exchange: Exchange) -> SafeString:
        return _headers(exchange.reply_headers)

    @admin.display(description="Body")
    def reply_body_shown(self, exchange: Exchange) -> SafeString:
        return preformatted(personal.body(exchange.reply_text))

    def links(self, exchange: Exchange) -> Iterator[tuple[str, str]]:
        yield "Connection", page_of(exchange.connection)
        if exchange.subject:
            yield "Requests of the run", list_of(Exchange, subject=exchange.subject)

    def hides(self, exchange: Exchange) -> bool:
        return True


def _headers(headers: dict[str, str]) -> SafeString:
    return preformatted("\n".join(f"{name}: {personal.mentions(value)}" for name, value in headers.items()))
