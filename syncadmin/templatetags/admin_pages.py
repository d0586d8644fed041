"""What the templates of the admin pages need, and the way there from the app's own pages."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString

register = template.Library()

# What an address of the app names, the narrowest first, and the admin's model of it.
_OBJECTS = (
    ("row", "syncs", "rejectedrow"),
    ("run", "syncs", "run"),
    ("sync", "syncs", "sync"),
    ("model", "syncs", "querymodel"),
    ("source", "syncs", "source"),
    ("connection", "destinations", "connection"),
)
_LISTS = {
    "runs": ("syncs", "run"),
    "syncs": ("syncs", "sync"),
    "models": ("syncs", "querymodel"),
    "sources": ("syncs", "source"),
    "destinations": ("destinations", "connection"),
}


@register.simple_tag(takes_context=True)
def admin_page(context: template.Context) -> str:
    """Where the admin shows what this page of the app shows, if the user may see it there; else its index."""
    request: Any = context.get("request")
    match = getattr(request, "resolver_match", None)
    if match is not None:
        for name, app, model in _OBJECTS:
            if name in match.kwargs and request.user.has_perm(f"{app}.view_{model}"):
                return reverse(f"admin:{app}_{model}_change", args=[match.kwargs[name]])
        app, model = _LISTS.get(match.url_name or "", ("", ""))
        team = getattr(request, "team", None)
        if model and team is not None and request.user.has_perm(f"{app}.view_{model}"):
            return reverse(f"admin:{app}_{model}_changelist", query={"team": str(team.public_id)})
    return reverse("admin:index")


@register.filter
def labelled(cells: Iterable[str], headers: Sequence[dict[str, Any]]) -> list[SafeString]:
    """The cells of a row in a list of the admin, each with its column's name: on a phone it stands beside."""
    told = []
    for cell, header in zip(cells, headers, strict=False):
        name = "" if "action-checkbox" in header.get("class_attrib", "") else str(header["text"])
        start, _, rest = str(cell).partition(" ")  # "<td" or "<th", whose attributes follow
        told.append(SafeString(f'{start} data-label="{escape(name[:1].upper() + name[1:])}" {rest}'))
    return told
