"""Filters for what stands for a person: members who may only look see where something is, not what."""

from django import template

from syncadmin.lib import personal
from syncs.models import RejectedRow
from syncs.views import told

register = template.Library()


@register.filter
def partly(value: object) -> str:
    """A key of a row, or of its record: "a•••@acme.com"."""
    return personal.partly(str(value)) if value not in (None, "") else ""


@register.filter
def value(text: object) -> str:
    """A value of a record."""
    return personal.text(str(text)) if text not in (None, "") else ""


@register.filter
def words(sentence: object) -> str:
    """A sentence that may quote values."""
    return told.said(str(sentence), ()) if sentence else ""


@register.filter
def address(url: object) -> str:
    """The address of a request."""
    return personal.address(str(url))


@register.filter
def why(row: RejectedRow) -> str:
    """Why a row did not arrive."""
    return told.reason(row)


@register.simple_tag
def sees_people() -> bool:
    """Whether personal data is shown on this page."""
    return personal.is_shown()
