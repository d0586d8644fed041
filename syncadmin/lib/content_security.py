"""Headers of every page: it may use what this site serves and nothing else; nobody keeps it for others."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",  # the Django admin's style sheets carry small pictures
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
UNUSED = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Add the headers to every page."""

    def add_policy(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        # In development Django's own error pages bring their style and script inline.
        if not (settings.DEBUG and response.status_code in {404, 500}):
            response.headers.setdefault("Content-Security-Policy", POLICY)
        # Not "no-store": whoever goes back one page finds what they typed.
        response.headers.setdefault("Cache-Control", "private, no-cache")
        response.headers.setdefault("Permissions-Policy", UNUSED)
        return response

    return add_policy
