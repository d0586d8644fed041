"""What the long lists of the Django admin are narrowed by: what an index begins with."""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

MOST_CHOICES = 30


def as_uuid(text: str) -> UUID | None:
    """The id that a text spells, if it does."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None


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
