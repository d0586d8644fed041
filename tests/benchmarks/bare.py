"""The least that Django can do: one page of about 10 kB, without a database, a session or a template.

It is its own settings, addresses and application.
"""

import secrets

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = __name__
SECRET_KEY = secrets.token_hex()
PAGE = "<!doctype html><title>Bare</title>" + "<p>Nothing to see here.</p>\n" * 370


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PAGE)


urlpatterns = [path("", page)]
application = get_wsgi_application()
