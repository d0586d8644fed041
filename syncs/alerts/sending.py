"""Sends what is written: each target's messages in order, in a process of its own that ends when its time is
over.

A target is held by one worker at a time, by a lease. What failed is tried again, later and later; nothing
goes to that target before, and no other target waits for it. A message that waited for a day is given up, and
the page says so. A worker that dies leaves messages waiting, so that one may arrive twice, and none is lost.
"""

import json
import smtplib
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core import mail
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from syncadmin.lib.crypto import Secret, UnreadableSecret
from syncs.alerting import words
from syncs.alerting.addresses import TargetKind
from syncs.alerts.look import link_to
from syncs.models import AlertMessage, AlertTarget

SECONDS = 10.0  # that a target has for all messages of one go
STARTING_SECONDS = 20.0  # that its process has on top of it to begin and to end: a busy machine is slow
LEASE = timedelta(seconds=90)
AT_ONCE = 8  # targets
SINGLY = 3  # messages that go one by one; more go as one message
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of sending one message."""

    sent: bool
    told: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as it goes out. `key` stays the same when it goes twice, and when it is over.

    `state` is "open", "over" or "test".
    """

    key: str
    words: words.Message
    link: str
    state: str

    def as_json(self) -> dict[str, Any]:
        said = {"title": self.words.title, "body": self.words.body, "short": self.words.short}
        return {"key": self.key, "link": self.link, "state": self.state, **said}


@dataclass(frozen=True, slots=True)
class Errand:
    """Messages for one target, and all that it takes to send them. Each is the stored ones in `covers`."""

    target: AlertTarget
    token: UUID
    messages: Sequence[Outgoing]
    covers: Sequence[Sequence[AlertMessage]]
    address: Secret
    recipients: tuple[str, ...] = ()
    problem: str = ""


def due(now: datetime) -> QuerySet[AlertTarget]:
    """Targets to which something is to be sent now, that nobody is sending to."""
    waiting = AlertMessage.objects.filter(target=OuterRef("pk"), status=AlertMessage.Status.WAITING)
    return AlertTarget.objects.filter(
        Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lt=now),
        Q(paused_until__isnull=True) | Q(paused_until__lte=now),
        Exists(waiting),
    )


def send_due(now: datetime | None = None) -> int:
    """Send what is due to a few targets side by side. Returns how many messages were sent.

    It takes as long as one target may take. Where more is due, somebody must call again.
    """
    now = now or timezone.now()
    _give_up(now)
    errands = _errands(now)
    sent = 0
    with ThreadPoolExecutor(AT_ONCE, "alerts") as pool:
        out = {pool.submit(_carry, errand): errand for errand in errands}
        for done in as_completed(out):
            sent += _settle(out[done], done.result(), now)
    return sent


def send_test(target: AlertTarget, by: str) -> Result:
    """Send a test now, and write down what came of it. Takes as long as a target may take, and no longer."""
    link = link_to(target.team)
    message = words.trial(target.team.name, target.name, by, link)
    kept = AlertMessage.objects.create(
        team_id=target.team_id,
        target=target,
        target_name=target.name,
        sort=AlertMessage.Sort.TEST,
        title=message.title,
        body=message.body,
        short=message.short,
        link=link,
        status=AlertMessage.Status.GIVEN_UP,  # a test is not tried again
        created_at=timezone.now(),
    )
    out = [_out(kept)]
    if target.kind == TargetKind.PAGERDUTY:  # an incident that somebody would have to close
        out.append(replace(out[0], state="over"))
    result = _carry(Errand(target, uuid4(), out, [[kept]], *_way(target)))[-1]
    result = Result(result.sent, result.told.removesuffix(" It is tried again."))
    AlertMessage.objects.filter(pk=kept.pk).update(
        status=AlertMessage.Status.SENT if result.sent else AlertMessage.Status.GIVEN_UP,
        attempts=1,
        result=result.told,
        tried_at=timezone.now(),
    )
    if result.sent:
        _is_well(AlertTarget.objects.filter(pk=target.pk))
    else:  # the page says so; what is to be sent is tried all the same
        since = target.problem_since or kept.created_at
        AlertTarget.objects.filter(pk=target.pk).update(problem=result.told, problem_since=since)
    return result


def ask_about(address: str) -> tuple[str, str]:
    """The name of the service that an address is of, and what is wrong with it. Sends nothing."""
    lines = _process(address, [])
    if not lines:
        return "", "The address could not be looked at now. Try again."
    return str(lines[0].get("service", "")), str(lines[0].get("problem", ""))


def _errands(now: datetime) -> list[Errand]:
    found = []
    for target in due(now).select_related("team").order_by("pk")[:AT_ONCE]:
        token = uuid4()
        mine = due(now).filter(pk=target.pk)
        if mine.update(lease_token=token, lease_expires_at=timezone.now() + LEASE):
            found.append(_errand(target, token))
    return found


def _errand(target: AlertTarget, token: UUID) -> Errand:
    waiting = list(
        target.messages.filter(status=AlertMessage.Status.WAITING)
        .select_related("alert")
        .order_by("pk")[:100]
    )
    if target.kind == TargetKind.PAGERDUTY:  # each is an incident of its own
        waiting = waiting[:10]
    elif len(waiting) > SINGLY:
        link = link_to(target.team)
        each = [words.Message(one.title, one.body, one.short) for one in waiting]
        state = "over" if all(one.sort == AlertMessage.Sort.OVER for one in waiting) else "open"
        whole = words.several(each, target.team.name, link)
        out = Outgoing(str(waiting[0].public_id), whole, link, state)
        return Errand(target, token, [out], [waiting], *_way(target))
    return Errand(target, token, [_out(one) for one in waiting], [[one] for one in waiting], *_way(target))


def _way(target: AlertTarget) -> tuple[Secret, tuple[str, ...], str]:
    """The address or the recipients, and what is wrong where there are none."""
    if target.kind == TargetKind.EMAIL:
        readers = tuple(target.readers().values_list("email", flat=True))
        problem = (
            "" if readers else "None of its people is on the team any more. An admin must choose others."
        )
        if not settings.SENDS_MAIL:
            problem = "This server sends no e-mails. Whoever runs it must set EMAIL_URL."
        return Secret(""), readers, problem
    try:
        return target.address, (), ""
    except UnreadableSecret as error:
        return Secret(""), (), str(error)


_STATES: dict[str, str] = {
    AlertMessage.Sort.OPENED: "open",
    AlertMessage.Sort.OVER: "over",
    AlertMessage.Sort.TEST: "test",
}


def _out(message: AlertMessage) -> Outgoing:
    key = message.alert.public_id if message.alert is not None else message.public_id
    whole = words.Message(message.title, message.body, message.short)
    return Outgoing(str(key), whole, message.link, _STATES[message.sort])


def _settle(errand: Errand, results: Sequence[Result], now: datetime) -> int:
    """Write what came of it, and let go of the target; nothing where somebody else has it by now."""
    tried_at = timezone.now()
    target = AlertTarget.objects.filter(pk=errand.target.pk, lease_token=errand.token)
    with transaction.atomic():
        if not target.update(lease_token=None, lease_expires_at=None):
            return 0
        sent = 0
        for covered, result in zip(errand.covers, results, strict=False):
            kept = AlertMessage.objects.filter(
                pk__in=[one.pk for one in covered], status=AlertMessage.Status.WAITING
            )
            status = AlertMessage.Status.SENT if result.sent else AlertMessage.Status.WAITING
            changed = kept.update(
                status=status, attempts=F("attempts") + 1, result=result.told, tried_at=tried_at
            )
            sent += changed if result.sent else 0
        target = AlertTarget.objects.filter(pk=errand.target.pk)
        failed = next((result for result in results if not result.sent), None)
        if failed is None:
            _is_well(target)
        else:
            count = errand.target.failure_count
            target.update(
                failure_count=F("failure_count") + 1,
                problem=failed.told,
                problem_since=errand.target.problem_since or now,
                paused_until=now + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(count, 10)),
            )
    return sent


def _is_well(target: QuerySet[AlertTarget]) -> None:
    target.update(failure_count=0, problem="", problem_since=None, paused_until=None)


def _give_up(now: datetime) -> None:
    waiting = AlertMessage.objects.filter(status=AlertMessage.Status.WAITING)
    late = waiting.filter(Q(created_at__lt=now - GIVEN_UP_AFTER, attempts__gt=0) | Q(target=None))
    late.update(status=AlertMessage.Status.GIVEN_UP)


# On the wire. Nothing here touches the database.


def _carry(errand: Errand) -> list[Result]:
    """Send, and tell what came of each message that was tried: after a failure the others wait."""
    if errand.problem:
        return [Result(sent=False, told=errand.problem)]
    if errand.recipients:
        return _by_mail(errand)
    lines = _process(errand.address.reveal(), errand.messages)
    found = [Result(sent=bool(line.get("sent")), told=str(line.get("told", ""))) for line in lines]
    return found or [Result(sent=False, told="The message could not be sent now. It is tried again.")]


def _process(address: str, messages: Sequence[Outgoing]) -> list[dict[str, Any]]:
    """What the sending process tells, a line for each message that it tried."""
    asked = {
        "address": address,
        "seconds": SECONDS,
        "proxies": {"https": settings.HTTPS_PROXY, "http": settings.HTTP_PROXY, "no": settings.NO_PROXY},
        "ca_bundle": settings.CA_BUNDLE,
        "networks": [str(network) for network in settings.ALLOWED_NETWORKS],
        "messages": [message.as_json() for message in messages],
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "syncs.alerting.wire"],
            cwd=settings.BASE_DIR,
            input=json.dumps(asked) + "\n",
            capture_output=True,
            text=True,
            timeout=SECONDS + STARTING_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return []
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def _by_mail(errand: Errand) -> list[Result]:
    """Hand the messages to the mail server, for as long as a target has."""
    found: list[Result] = []

    def post() -> None:
        for message in errand.messages:
            found.append(_post(message, errand.recipients))
            if not found[-1].sent:
                return

    thread = threading.Thread(target=post, name="alert mail", daemon=True)
    thread.start()
    thread.join(SECONDS)
    if thread.is_alive():
        told = f"No answer from the mail server within {SECONDS:g} seconds. It is tried again."
        return [*found, Result(sent=False, told=told)]
    return found


def _post(message: Outgoing, recipients: Sequence[str]) -> Result:
    letter = mail.EmailMessage(" ".join(message.words.title.split()), message.words.body, to=list(recipients))
    try:
        letter.send()
    except smtplib.SMTPRecipientsRefused:
        return Result(sent=False, told="The mail server refused the recipients. An admin must look at them.")
    except smtplib.SMTPAuthenticationError:
        told = "The mail server refused the sign-in. Whoever runs this server must correct EMAIL_URL."
        return Result(sent=False, told=told)
    except (OSError, smtplib.SMTPException) as error:
        code = getattr(error, "smtp_code", None)
        said = f" ({code})" if code else ""
        told = f"The mail server did not take it{said}, or cannot be reached. It is tried again."
        return Result(sent=False, told=told)
    to = "1 person" if len(recipients) == 1 else f"{len(recipients)} people"
    return Result(sent=True, told=f"The mail server took it, to {to}.")
