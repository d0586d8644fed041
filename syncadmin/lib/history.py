"""Read-only pages of the Django admin, quick over tables that grow without end.

No page counts or reads a whole table:

- lists page through the newest MOST_LISTED rows, and count no further;
- a `Scope` narrows a list through an index that begins with what it narrows by;
- any other filter looks through the newest WINDOW rows of the scope, and the page says so;
- searches are for exact values.
"""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters, ShowFacets
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import cached_property

MOST_LISTED = 5_000
WINDOW = 50_000
MOST_CHOICES = 30


def as_uuid(text: str) -> UUID | None:
    """The id that a text spells, if it does."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def page_of(instance: Model) -> str:
    """The address of an object's own page: by its public id, where it has one."""
    meta = instance._meta
    return reverse(
        f"admin:{meta.app_label}_{meta.model_name}_change",
        args=[str(getattr(instance, "public_id", instance.pk))],
    )


def list_of(model: type[Model], **narrowed: object) -> str:
    """The address of a model's list, narrowed by these parameters."""
    meta = model._meta
    return reverse(
        f"admin:{meta.app_label}_{meta.model_name}_changelist",
        query={name: str(value) for name, value in narrowed.items()},
    )


class Pages(Paginator):
    """Pages through the first MOST_LISTED rows of a list."""

    @cached_property
    def found(self) -> int:
        """How many rows there are, up to one more than are listed."""
        rows: Any = self.object_list
        return int(rows.order_by().values("pk")[: MOST_LISTED + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self.found, MOST_LISTED)

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than are listed."""
        return self.found > MOST_LISTED


class Scope(admin.SimpleListFilter):
    """A filter by what an index begins with.

    `whole`: the rows of one value are listed whole, however many: their order is the index's own.
    """

    whole: ClassVar[bool] = False

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        raise NotImplementedError

    def has_output(self) -> bool:
        return self.value() is not None or len(self.lookup_choices) > 1


class RelatedScope(Scope):
    """Narrows a list to the rows of one object, named by its public id; the parameter is the field's name.

    Offers the first MOST_CHOICES objects by name; the others' own pages link to their lists.
    """

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any
    ) -> None:
        self.field = str(self.parameter_name)
        self.related: type[Model] = model._meta.get_field(self.field).related_model  # type: ignore[assignment]
        super().__init__(request, params, model, model_admin)

    @cached_property
    def chosen(self) -> Any:
        """The object that the address names; None where it names none, or one that is gone."""
        value = self.value()
        if value is None:
            return None
        public_id = as_uuid(value)
        if public_id is None:
            raise IncorrectLookupParameters
        return self.named(self.related._default_manager.all()).filter(public_id=public_id).first()

    def named(self, objects: QuerySet[Any]) -> QuerySet[Any]:
        """The objects with what their labels need."""
        return objects

    def offered(self, request: HttpRequest) -> QuerySet[Any]:
        """What to offer."""
        return self.related._default_manager.order_by("name", "pk")

    def label(self, one: Any) -> str:
        return str(one)

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        found = list(self.named(self.offered(request))[: MOST_CHOICES + 1])
        if len(found) > MOST_CHOICES:
            found = found[:MOST_CHOICES]
            self.title = f"{self.title} (the first {MOST_CHOICES} are offered)"
        if self.chosen is not None and self.chosen not in found:
            found.insert(0, self.chosen)
        return [(str(one.public_id), self.label(one)) for one in found]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return queryset.filter(**{self.field: self.chosen}) if self.chosen else queryset.none()


class TeamScope(RelatedScope):
    title = "team"
    parameter_name = "team"


class HistoryList(ChangeList):
    """A list that knows how far it may look. `looked_through` is the window, where it was bounded by it."""

    looked_through: int | None = None

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[Any]:
        queryset = super().get_queryset(request, exclude_parameters)
        self.looked_through = None
        used = [spec for spec in self.filter_specs if spec.used_parameters]
        scopes = [spec for spec in used if isinstance(spec, Scope)]
        others = len(used) > min(1, len(scopes)) or self._has_lookups()
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
        super().get_results(request)
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count  # all there is: no link to "show all"

    def url_for_result(self, result: Model) -> str:
        return page_of(result)

    def _has_lookups(self) -> bool:
        """Whether the address narrows by fields that no filter stands for."""
        known = {name for spec in self.filter_specs for name in spec.expected_parameters()}
        return bool(set(self.get_filters_params()) - {str(name) for name in known})


class HistoryAdmin(admin.ModelAdmin):
    """Pages to look at: nothing can be added, changed or deleted by them.

    `list_fields` are all that a list reads of a row. Looking needs Django's permission to view.
    """

    list_fields: ClassVar[Sequence[str]] = ()
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    sortable_by = ()
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    paginator = Pages
    empty_value_display = "–"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return HistoryList

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return flatten_fieldsets(self.get_fieldsets(request, obj))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The object by its public id, or by its number."""
        public_id = as_uuid(object_id)
        if public_id is not None and from_field is None and hasattr(self.model, "public_id"):
            return self.get_queryset(request).filter(public_id=public_id).first()
        return super().get_object(request, object_id, from_field)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (self.search(queryset, term) if term else queryset), False

    def search(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """The rows that a term names exactly."""
        return queryset

    def title(self, instance: Any) -> str:
        """What an object's page is headed by."""
        return str(instance)

    def links(self, instance: Any) -> Iterator[tuple[str, str]]:
        """Where an object's page leads to, as (words, address)."""
        return iter(())

    def more(self, request: HttpRequest, instance: Any) -> dict[str, Any]:
        """What an object's page shows beyond its fields, for its template."""
        return {}

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        context["subtitle"] = self.title(obj)
        context["links"] = list(self.links(obj))
        context.update(self.more(request, obj))
        return super().render_change_form(request, context, add, change, form_url, obj)
