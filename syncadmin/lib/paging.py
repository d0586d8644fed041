"""Lists in pages by keyset: the newest first, equally quick on every page, and steady while rows come in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

A_PAGE = 50

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Some objects of a list. `newer` and `older` are the public ids to go on from; empty at the ends."""

    objects: list[M]
    newer: str = ""
    older: str = ""


def public_id(text: str) -> UUID | None:
    """The id that an address spells, if it does."""
    try:
        return UUID(text)
    except ValueError:
        return None


def newest_first(queryset: QuerySet[M], params: Mapping[str, Any], *, size: int = A_PAGE) -> Page[M]:
    """The page that `older` or `newer` in the address asks for; the first where they name nothing.

    One query for the page, one for what it goes on from. The model needs a `public_id`.
    """
    for name in ("older", "newer"):
        start = _pk_of(queryset, str(params.get(name, "")))
        if start is not None:
            return _page(queryset, start, back=name == "newer", size=size)
    return _page(queryset, None, back=False, size=size)


def _page(queryset: QuerySet[M], start: int | None, *, back: bool, size: int) -> Page[M]:
    found = queryset.order_by("pk" if back else "-pk")
    if start is not None:
        found = found.filter(pk__gt=start) if back else found.filter(pk__lt=start)
    objects = list(found[: size + 1])
    is_more = len(objects) > size
    objects = objects[:size]
    if back:
        objects.reverse()
        if not is_more and len(objects) < size:  # the first page is always a full one
            return _page(queryset, None, back=False, size=size)
    if not objects:
        return Page([])
    first, last = (str(one.public_id) for one in (objects[0], objects[-1]))  # type: ignore[attr-defined]
    has_newer = is_more if back else start is not None
    has_older = True if back else is_more
    return Page(objects, first if has_newer else "", last if has_older else "")


def _pk_of(queryset: QuerySet[M], text: str) -> int | None:
    """What an id names, whether or not the list still has it."""
    named = public_id(text)
    if named is None:
        return None
    found = queryset.model._default_manager.filter(public_id=named).values_list("pk", flat=True).first()
    return None if found is None else int(found)
