"""Read-only pages of the Django admin, quick over tables that grow without end, and silent about people.

No page counts or reads a whole table:

- lists go on by keyset (`paging.py`), in an order that an index has; their count stops at MOST_COUNTED;
- a `Scope` narrows a list through an index that begins with what it narrows by;
- any other filter looks through the newest WINDOW rows of the scope, and the page says so;
- searches are for exact values, and an address narrows by nothing but the filters.

Personal data is hidden (`personal.py`) until somebody asks for one page of it. Who asked for what is written
into Django's log before the page is made, and whoever of the staff may look at the page can read that.
"""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import ShowFacets
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from syncadmin.lib import personal
from syncadmin.lib.narrowing import Scope, as_uuid
from syncadmin.lib.paging import A_PAGE, sliced

MOST_COUNTED = 5_000
WINDOW = 50_000
PLACES = ("older", "newer")
SHOW = "_personal"  # the button that asks for personal data
DO = "_do"  # the buttons of a page
SELECT_ALL = SafeString('<input type="checkbox" id="action-toggle" aria-label="Select all of this page">')


def page_of(instance: Model) -> str:
    """The address of an object's own page: by its public id, where it has one."""
    meta = instance._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[_id_of(instance)])


def list_of(model: type[Model], **narrowed: object) -> str:
    """The address of a model's list, narrowed by these parameters."""
    meta = model._meta
    return reverse(
        f"admin:{meta.app_label}_{meta.model_name}_changelist",
        query={name: str(value) for name, value in narrowed.items()},
    )


def _id_of(instance: Model) -> str:
    return str(getattr(instance, "public_id", instance.pk))


class Counter(Paginator):
    """Counts a list as far as MOST_COUNTED. Its pages are not this one's: they go on by keyset."""

    @cached_property
    def found(self) -> int:
        """How many rows there are, up to one more than are counted."""
        rows: Any = self.object_list
        return int(rows.order_by().values("pk")[: MOST_COUNTED + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self.found, MOST_COUNTED)

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than were counted."""
        return self.found > MOST_COUNTED


class HistoryList(ChangeList):
    """A list that goes on by keyset and knows how far it may look.

    `looked_through` is the window, where it was bounded by it; `newer` and `older` are what the next pages
    go on from.
    """

    looked_through: int | None = None
    newer = older = ""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.title = getattr(self.model_admin, "heading", "") or capfirst(str(self.opts.verbose_name_plural))

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[Any]:
        for place in PLACES:
            self.params.pop(place, None)
            self.filter_params.pop(place, None)
        queryset = super().get_queryset(request, exclude_parameters)
        self.looked_through = None
        used = [spec for spec in self.filter_specs if spec.used_parameters]
        scopes = [spec for spec in used if isinstance(spec, Scope)]
        others = len(used) > min(1, len(scopes))
        if others and not any(scope.whole for scope in scopes):
            within: QuerySet[Any] = self.model._default_manager.all()
            if scopes:
                within = scopes[-1].queryset(request, within)
            floor = within.order_by("-pk").values_list("pk", flat=True)[WINDOW : WINDOW + 1].first()
            if floor is not None:
                queryset = queryset.filter(pk__gt=floor)
                self.looked_through = WINDOW
        if fields := getattr(self.model_admin, "list_fields", ()):
            related: Any = self.model_admin.list_select_related
            queryset = queryset.select_related(None).select_related(*related).only(*fields)
        return queryset

    def get_results(self, request: HttpRequest) -> None:
        counter = Counter(self.queryset, self.list_per_page)
        back = "newer" in request.GET
        start = self._start(request.GET.get("newer" if back else "older", ""))
        order = [str(column) for column in self.get_ordering(request, self.queryset.order_by())]
        found = sliced(self.queryset, order, start, back=back, size=self.list_per_page)
        if found.objects:
            self.newer = _id_of(found.objects[0]) if found.has_before else ""
            self.older = _id_of(found.objects[-1]) if found.has_after else ""
        self.paginator = counter
        self.result_list = found.objects
        self.result_count = counter.count
        is_narrowed = bool(self.query or self.has_active_filters)
        self.full_result_count = None if is_narrowed else counter.count  # all there is: no "show all"
        self.show_full_result_count = False
        self.show_admin_actions = bool(found.objects)
        self.can_show_all = self.multi_page = False

    def url_for_result(self, result: Model) -> str:
        return page_of(result)

    @property
    def newer_link(self) -> str:
        return self.get_query_string({"newer": self.newer}) if self.newer else ""

    @property
    def older_link(self) -> str:
        return self.get_query_string({"older": self.older}) if self.older else ""

    def _start(self, text: str) -> Any:
        """What the page goes on from, while it is still there."""
        every = self.model._default_manager.defer(None)
        if hasattr(self.model, "public_id"):
            public_id = as_uuid(text)
            return every.filter(public_id=public_id).first() if public_id else None
        return every.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 19 else None


class HistoryAdmin(admin.ModelAdmin):
    """Pages to look at: nothing can be added, changed or deleted by them.

    `list_fields` are all that a list reads of a row; `heading` and `about` say what it holds.
    `hides_in_lists` and `hides` tell where personal data is hidden and can be asked for. Looking needs
    Django's permission to view.
    """

    list_fields: ClassVar[Sequence[str]] = ()
    heading: ClassVar[str] = ""
    about: ClassVar[str] = ""
    hides_in_lists: ClassVar[bool] = False
    list_per_page = A_PAGE
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    sortable_by = ()
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    paginator = Counter
    empty_value_display = "–"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    # Lists

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return HistoryList

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what the filters use: "key starts with a" would tell what is hidden, and read the table."""
        allowed = set()
        for one in self.list_filter:
            if isinstance(one, str):
                allowed |= {one, f"{one}__exact", f"{one}__isnull"}
            else:
                allowed.add(str(one.parameter_name))  # type: ignore[union-attr]
        return lookup in allowed

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (self.search(queryset, term) if term else queryset), False

    def search(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """The rows that a term names exactly."""
        return queryset

    @admin.display(description=SELECT_ALL)
    def action_checkbox(self, obj: Model) -> SafeString:
        return format_html(
            '<input type="checkbox" name="{}" value="{}" class="action-select" aria-label="Select {}">',
            ACTION_CHECKBOX_NAME,
            obj.pk,
            obj,
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not (request.method == "POST" and SHOW in request.POST and self.hides_in_lists):
            return super().changelist_view(request, extra_context)
        shown = {"is_shown": True} | (extra_context or {})
        with personal.shown():
            response = super().changelist_view(_as_get(request), shown)
            listed = getattr(response, "context_data", None) and response.context_data.get("cl")  # type: ignore[attr-defined]
            if not listed:
                return response
            _log_list(request, listed)
            return response.render()  # type: ignore[attr-defined]  # while it is shown

    # Pages

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return flatten_fieldsets(self.get_fieldsets(request, obj))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The object by its public id, or by its number."""
        public_id = as_uuid(object_id)
        if public_id is not None and from_field is None and hasattr(self.model, "public_id"):
            return self.get_queryset(request).filter(public_id=public_id).first()
        return super().get_object(request, object_id, from_field)

    def title(self, instance: Any) -> str:
        """What an object's page is headed by."""
        return str(instance)

    def links(self, instance: Any) -> Iterator[tuple[str, str]]:
        """Where an object's page leads to, as (words, address)."""
        return iter(())

    def in_app(self, instance: Any) -> str:
        """The address of the page that the object's team has of it, if there is one."""
        return ""

    def hides(self, instance: Any) -> bool:
        """Whether an object's page hides personal data."""
        return False

    def offers(self, instance: Any) -> Iterable[tuple[str, str]]:
        """The actions that make sense for one object, as (name, words of the button)."""
        return ()

    def more(self, request: HttpRequest, instance: Any) -> dict[str, Any]:
        """What an object's page shows beyond its fields, for its template."""
        return {}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page; posted to, what its buttons ask for: personal data, or an action for this one object."""
        asked = request.POST if request.method == "POST" else QueryDict()
        instance = self.get_object(request, unquote(object_id)) if SHOW in asked or DO in asked else None
        if instance is None:
            return super().change_view(request, object_id, form_url, extra_context)
        if not self.has_view_permission(request, instance):
            raise PermissionDenied
        if DO in asked:
            return self._do(request, instance, asked[DO])
        if not self.hides(instance):
            raise PermissionDenied
        self.log_change(request, instance, "Personal data shown.")
        with personal.shown():
            response = super().change_view(_as_get(request), object_id, form_url, extra_context)
            return response.render() if hasattr(response, "render") else response

    def _do(self, request: HttpRequest, instance: Model, name: str) -> HttpResponse:
        offered = {offer for offer, _ in self._offered(request, instance)}
        if name not in offered:
            raise PermissionDenied
        act: Any = dict(self.get_actions(request))[name]
        answer = act[0](self, request, self.model._default_manager.filter(pk=instance.pk))
        return answer or HttpResponseRedirect(request.get_full_path())

    def _offered(self, request: HttpRequest, instance: Model) -> list[tuple[str, str]]:
        may = self.get_actions(request)
        return [(name, words) for name, words in self.offers(instance) if name in may]

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Who did what with the object: the log knows it by its number."""
        found = self.get_object(request, unquote(object_id))
        return super().history_view(request, str(found.pk) if found else object_id, extra_context)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        context |= {
            "subtitle": self.title(obj),
            "links": list(self.links(obj)),
            "offered": self._offered(request, obj),
            "in_app": self._in_app(request, obj),
            "hides": personal.is_shown() or self.hides(obj),
            "is_shown": personal.is_shown(),
        }
        context.update(self.more(request, obj))
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _in_app(self, request: HttpRequest, instance: Any) -> str:
        """The team's own page, for staff who belong to the team: to others it does not exist."""
        address = self.in_app(instance)
        user: Any = request.user
        return address if address and user.memberships.filter(team=instance.team_id).exists() else ""


def _as_get(request: HttpRequest) -> HttpRequest:
    """The same request as one that only looks."""
    looking = copy(request)
    looking.method = "GET"
    looking.POST = QueryDict()
    return looking


def _log_list(request: HttpRequest, listed: HistoryList) -> None:
    """Write down whose data a list is about to show. What was searched for is personal data itself."""
    narrowed = listed.get_query_string(remove=[SEARCH_VAR])
    searched = " It was found by a search." if listed.query else ""
    rows = listed.result_list
    entry: Any = LogEntry(
        user=request.user,  # type: ignore[misc]  # nobody else comes here
        content_type=ContentType.objects.get_for_model(listed.model),
        object_repr=f"{len(rows)} {listed.opts.verbose_name_plural} in a list"[:200],
        action_flag=CHANGE,
        change_message=(
            f"Personal data shown in the list {narrowed}.{searched} "
            f"Of these: {', '.join(_id_of(one) for one in rows)}."
        ),
    )
    entry.about = list(rows)  # for whoever tells the teams of it
    entry.save()
