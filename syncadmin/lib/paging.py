"""Lists in pages by keyset: in any order, equally quick on every page, and steady while rows come in.

A page goes on from an object, not from a number: what comes after it is found by the index that the list's
order follows. Where the order has several columns, a page is put together from spans (alike in all columns
but the last, then alike in fewer), as each of them is one range of such an index, and no "or" is.
"""

from collections.abc import Iterator, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Slice(Generic[M]):
    """Some objects of a list, and whether the list has more before and after them."""

    objects: list[M]
    has_before: bool
    has_after: bool


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
        named = public_id(str(params.get(name, "")))
        start = named and queryset.model._default_manager.filter(public_id=named).only("pk").first()
        if start:
            found = sliced(queryset, ("-pk",), start, back=name == "newer", size=size)
            break
    else:
        found = sliced(queryset, ("-pk",), None, size=size)
    if not found.objects:
        return Page([])
    first, last = (str(one.public_id) for one in (found.objects[0], found.objects[-1]))  # type: ignore[attr-defined]
    return Page(found.objects, first if found.has_before else "", last if found.has_after else "")


def sliced(
    queryset: QuerySet[M], order: Sequence[str], start: M | None, *, back: bool = False, size: int = A_PAGE
) -> Slice[M]:
    """The objects that follow `start` in this order (or lead to it: `back`); the first without a start.

    `order` are columns without nulls, together unique; "-" before one turns it round. The queryset brings
    no order of its own. At most one query for each column; the first page is always a full one.
    """
    turned = tuple(_turned(column) for column in order) if back else tuple(order)
    ordered = queryset.order_by(*turned)
    objects: list[M] = []
    for span in _spans(turned, start) if start is not None else ({},):
        objects += ordered.filter(**span)[: size + 1 - len(objects)]
        if len(objects) > size:
            break
    is_more = len(objects) > size
    objects = objects[:size]
    if not back:
        return Slice(objects, has_before=start is not None, has_after=is_more)
    if not is_more and len(objects) < size:
        return sliced(queryset, order, None, size=size)
    return Slice(objects[::-1], has_before=is_more, has_after=True)


def _turned(column: str) -> str:
    return column[1:] if column.startswith("-") else f"-{column}"


def _spans(order: Sequence[str], start: Model) -> Iterator[dict[str, Any]]:
    """What follows `start`, as filters: the nearest span first."""
    names = [column.removeprefix("-") for column in order]
    values = [getattr(start, name) for name in names]
    for depth in reversed(range(len(order))):
        beyond = "lt" if order[depth].startswith("-") else "gt"
        yield dict(zip(names[:depth], values[:depth], strict=True)) | {
            f"{names[depth]}__{beyond}": values[depth]
        }
