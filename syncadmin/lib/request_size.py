"""Requests that are larger than anything that is sent here are refused before they are read.

Else whoever is not even signed in could fill the disk: a form is read to its end before it is known whose it
is.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answer 413 to what is too large."""

    def limit(request: HttpRequest) -> HttpResponse:
        told = str(request.META.get("CONTENT_LENGTH") or "0")
        if told.isdecimal() and int(told) > settings.MOST_REQUEST_BYTES:
            megabytes = settings.MOST_REQUEST_BYTES // 1_000_000
            return render(request, "413.html", {"megabytes": megabytes}, status=413)
        return get_response(request)

    return limit
