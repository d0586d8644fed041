"""Tells people that their password was changed: whoever did not do it must hear of it."""

import logging
from smtplib import SMTPException
from threading import Thread

from django.conf import settings
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from syncadmin.lib.client import address_of
from syncadmin.teams.forms import MAILER
from syncadmin.teams.models import User

log = logging.getLogger(__name__)


def tell(request: HttpRequest, user: User) -> None:
    """Send it beside the request, where the installation sends e-mail."""
    if not settings.SENDS_MAIL:
        return
    context = {
        "user": user,
        "at": timezone.now(),
        "address": address_of(request),
        "link": request.build_absolute_uri(reverse("password_reset")),
    }
    body = render_to_string("registration/password_changed_email.txt", context)
    message = EmailMessage(
        "Your password for Syncadmin was changed", body, settings.DEFAULT_FROM_EMAIL, [user.email]
    )
    Thread(target=_send, args=(message,), name=MAILER).start()


def _send(message: EmailMessage) -> None:
    try:
        message.send()
    except (SMTPException, OSError) as error:  # what it says may hold the address
        log.warning("That a password was changed could not be told: %s", type(error).__name__)
