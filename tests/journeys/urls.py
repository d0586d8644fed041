"""Every address of the site, and two that go wrong."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied("As viewer of Acme you may look at everything, and change nothing.")


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("A fault of ours, on purpose.")


urlpatterns = [
    path("forbidden/", forbidden),
    path("broken/", broken),
    path("", include("syncadmin.urls")),
]
