"""The admin pages of the installation's staff: signed in to by the app's own page, in their own time zone."""

from collections.abc import Callable, Iterable
from functools import update_wrapper
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone

from syncadmin.lib.client import asking
from syncadmin.teams.doors import issuer_of
from syncadmin.teams.urls import sign_in_as_somebody_else

SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("What happened", ("syncs.rejectedrow", "syncs.run", "syncs.batch", "destinations.exchange")),
    (
        "What is set up",
        (
            "syncs.sync",
            "syncs.querymodel",
            "syncs.source",
            "destinations.connection",
            "destinations.remoteaccount",
        ),
    ),
    (
        "Who",
        ("teams.team", "teams.user", "admin.logentry", "teams.auditentry", "teams.membership", "auth.group"),
    ),
    ("The queue", ("django_q.ormq", "django_q.failure", "django_q.success", "django_q.schedule")),
)
IN_THE_NAV = {
    *SECTIONS[0][1],
    *SECTIONS[1][1],
    "teams.team",
    "teams.user",
    "admin.logentry",
}

NAMES = {
    "admin.logentry": "Who did what",
    "teams.auditentry": "Audit logs",
    "django_q.ormq": "Tasks that wait",
    "django_q.failure": "Tasks that failed",
}


class Site(admin.AdminSite):
    site_title = site_header = "Syncadmin admin"
    index_title = "What needs somebody"
    enable_nav_sidebar = False

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """The view, made and rendered in the time zone of whoever looks."""

        def in_their_zone(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
            with asking(request), timezone.override(ZoneInfo(request.user.time_zone)):
                response: Any = view(request, *args, **kwargs)
                if hasattr(response, "render") and not response.is_rendered:
                    response.render()
                return response

        return super().admin_view(update_wrapper(in_their_zone, view), cacheable)

    def has_permission(self, request: HttpRequest) -> bool:
        """Staff who came in by a password: what a team's provider says is no proof for the installation."""
        return super().has_permission(request) and not issuer_of(request)

    @login_not_required
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The app's own page, also for somebody who is signed in but may not enter."""
        if request.method == "GET" and self.has_permission(request) and "next" not in request.GET:
            return redirect("admin:index")
        return sign_in_as_somebody_else(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("password_change")

    def password_change_done(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("profile")

    def each_context(self, request: Any) -> dict[str, Any]:
        context = super().each_context(request)
        listed = [model for section in context["available_apps"] for model in section["models"]]
        return context | {
            "nav": [
                model | {"is_here": request.path.startswith(model["admin_url"])}
                for model in listed
                if model["label"] in IN_THE_NAV and model["admin_url"]
            ],
        }

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """What the user may see, by what it is for; whatever is not named above comes last."""
        found = super().get_app_list(request, app_label)
        models = {
            f"{app['app_label']}.{model['object_name'].lower()}": (app, model)
            for app in found
            for model in app["models"]
        }
        for label, (_, model) in models.items():
            model["label"] = label
            model["name"] = NAMES.get(label, model["name"])
        if app_label is not None:
            return found
        named = {label for _, labels in SECTIONS for label in labels}
        others = ("More", [label for label in models if label not in named])
        return [
            section
            for name, labels in (*SECTIONS, others)
            if (section := _section(name, [models[label] for label in labels if label in models]))
        ]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        from syncs.admin import front  # the apps must be there first

        return super().index(request, front.context(request) | (extra_context or {}))


def _section(name: str, found: Iterable[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any] | None:
    pairs = list(found)
    if not pairs:
        return None
    return pairs[0][0] | {"name": name, "models": [model for _, model in pairs]}
