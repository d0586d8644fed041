"""From a connection to an adapter that can talk, and what a person's test of it finds.

The one place where the settings' proxies and certificates, a connection's secrets and the wire meet.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import requests
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from destinations import accounts, budget, oauth, registry, use
from destinations.contract import Adapter, Field, Identity
from destinations.errors import AuthExpired, Cause, DestinationError, Misconfigured, RateLimited, Temporary
from destinations.gate import Gate
from destinations.http import HttpClient, Sent
from destinations.models import Connection, Exchange, OAuthToken
from syncadmin.lib import outgoing
from syncadmin.lib.crypto import UnreadableSecret
from syncadmin.lib.proxies import proxies_for

__all__ = [
    "Opener",
    "adapter_of",
    "check",
    "exchange_rows",
    "exchanges_of",
    "identify",
    "known_fields",
    "needs_attention",
    "open_adapter",
    "refresh_fields",
    "session",
]

T = TypeVar("T")
TOKEN_CALM = 20.0  # seconds for which a token that was good is taken for good, unless it ends before


def session(threads: int) -> requests.Session:
    """A session for so many threads, which connects only to where this installation may."""
    return outgoing.session(threads, networks=settings.ALLOWED_NETWORKS)


def adapter_of(connection: Connection) -> type[Adapter]:
    """The connection's destination. Misconfigured where this installation has none of that name."""
    try:
        return registry.adapter(connection.destination)
    except registry.UnknownDestination as error:
        raise Misconfigured(str(error), cause=Cause.NOT_FOUND) from None


def open_adapter(
    connection: Connection,
    *,
    gate: Gate | None = None,
    call_id: str = "",
    session: requests.Session | None = None,
) -> Adapter:
    """An adapter with a client of its own, for one call. Sends nothing.

    Without a session each request makes its own. Misconfigured or AuthExpired where the credentials
    cannot be read or are missing.
    """
    return Opener(connection, gate=gate, session=session)(call_id)


class Opener:
    """Opens adapters of one connection for many calls: what they have in common is read once.

    Of a connection with a sign-in the token is renewed ahead of its end, in the thread that opens.
    """

    def __init__(
        self, connection: Connection, *, gate: Gate | None = None, session: requests.Session | None = None
    ) -> None:
        """Sends nothing. Raises as `open_adapter` does."""
        self._connection = connection
        self._kind = adapter_of(connection)
        self._gate, self._session = gate, session
        self._renewed: dict[int, datetime] = {}  # versions that came from `renew`, and when each ends
        self._good_until = 0.0  # monotonic: when to look at the token again
        self._client = self._open()

    def keep_fresh(self) -> None:
        """Renew a token that ends soon. Temporary where that fails for now, AuthExpired for good."""
        if self._is_signed_in and time.monotonic() > self._good_until:
            self._client = self._open()

    def __call__(self, call_id: str) -> Adapter:
        self.keep_fresh()
        return self._kind(self._client.for_call(call_id), self._connection.options)

    def may_renew(self, adapter: Adapter) -> bool:
        """Whether a refusal of the adapter's credentials may be put right by a new token."""
        client = adapter.client
        if not self._is_signed_in or not isinstance(client, HttpClient):
            return False
        # What we renewed ourselves may have ended since: its time was over before the call went, or another
        # worker renewed it.
        ends = self._renewed.get(client.version)
        if ends is None or ends <= timezone.now():
            return True
        return oauth.version(self._connection) > client.version

    def renew(self, adapter: Adapter) -> None:
        """Get a token newer than the adapter's. AuthExpired where a person must sign in."""
        client = adapter.client
        assert isinstance(client, HttpClient)  # noqa: S101 - as `may_renew` said
        token = oauth.renewed(self._connection, used=client.version)
        self._renewed[token.version] = token.expires_at
        self._client = self._open(token)

    @property
    def _is_signed_in(self) -> bool:
        return self._connection.sign_in == Connection.SignIn.OAUTH

    def _open(self, token: OAuthToken | None = None) -> HttpClient:
        if not self._is_signed_in:
            return self._made(*_key(self._kind, self._connection))
        token = token or oauth.current(self._connection)
        self._good_until = time.monotonic() + min(TOKEN_CALM, oauth.seconds_left(self._connection, token))
        try:
            secrets = token.secrets
        except UnreadableSecret as error:
            raise Misconfigured(str(error), cause=Cause.CREDENTIALS) from None
        access = secrets["access_token"].reveal()
        headers = {"Authorization": f"Bearer {access}"}
        return self._made(headers, [access], version=token.version)

    def _made(self, headers: dict[str, str], secrets: list[str], *, version: int = 0) -> HttpClient:
        return _client(
            self._kind,
            self._connection,
            headers,
            secrets,
            gate=self._gate,
            session=self._session,
            version=version,
        )


def exchange_rows(
    adapter: Adapter, connection: Connection, *, team_id: int, subject: UUID | None = None
) -> list[Exchange]:
    """What the adapter's client sent, as rows to store in bulk. `subject` is what it was sent for."""
    return [
        Exchange(
            team_id=team_id,
            connection=connection,
            subject=subject,
            call=sent.call,
            method=sent.method,
            url=sent.url,
            status=sent.status,
            error=sent.error,
            request_headers=sent.request_headers,
            reply_headers=sent.reply_headers,
            request_body=sent.request_body,
            reply_body=sent.reply_body,
            started_at=sent.started_at,
            milliseconds=sent.milliseconds,
        )
        for sent in exchanges_of(adapter)
    ]


def exchanges_of(adapter: Adapter) -> Sequence[Sent]:
    """What the adapter's client sent, in order."""
    client = adapter.client
    return client.exchanges if isinstance(client, HttpClient) else ()


def check(connection: Connection, *, by_itself: bool = False) -> Identity | None:
    """Find out whether the connection works, and keep the answer on it as `health` and `health_reason`.

    None where it does not work at all. It needs attention, too, where the service names something
    missing, or where the credentials have come to lead to another account than before. `by_itself`: nobody
    asked for it, so that trouble which passes says nothing of the connection; it counts for the outage.
    """
    found: Identity | None = None
    reasons: list[str] = []
    try:
        found = _asked(connection, lambda adapter: adapter.check())
    except Temporary as error:
        is_busy = isinstance(error, RateLimited)
        if by_itself:
            if not is_busy:
                budget.failed(connection.account_id, error.message)
            return None
        reasons.append(
            f"The connection could not be tested now. {error.message}" if is_busy else error.message
        )
    except DestinationError as error:
        reasons.append(error.message)
    if found is not None:
        budget.answered(connection.account_id)
        connection.notes = list(found.notes)
        reasons += found.missing
        before = connection.account
        if not accounts.recognise(connection, found):
            reasons.append(
                f"These credentials lead to another account ({found.account_name or found.account_id}) than "
                f"before ({before}). An admin must enter the credentials of the first, or say in "
                "the connection that the account has changed."
            )
    _keep_health(connection, reasons)
    return found


def identify(connection: Connection, told: Mapping[str, Any]) -> Identity:
    """Whose account the tokens lead to that a person just came back with. Raises DestinationError."""
    access = str(told["access_token"])
    kind = adapter_of(connection)
    with session(threads=1) as over:
        headers = {"Authorization": f"Bearer {access}"}
        client = _client(kind, connection, headers, [access], session=over)
        adapter = kind(client, connection.options)
        try:
            return adapter.check()
        finally:
            _keep_exchanges(adapter, connection)


def needs_attention(connection: Connection, reason: str) -> None:
    """The service refused the credentials in mid-work: show it on the connection until a test succeeds."""
    Connection.objects.filter(pk=connection.pk).update(
        health=Connection.Health.ATTENTION, health_reason=reason, updated_at=timezone.now()
    )


def refresh_fields(connection: Connection, object_key: str) -> list[Field]:
    """Ask the service for an object's fields and keep its answer on the connection.

    Raises DestinationError; what was known before is kept then. KeyError for an unknown object. `updated_at`
    stays: whoever edits the connection meanwhile is not held up by this.
    """
    target = adapter_of(connection).object(object_key)
    fields = _asked(connection, lambda adapter: adapter.fields(target))
    with transaction.atomic():  # another object's fields may be refreshed at the same time
        row = Connection.objects.select_for_update().only("fields").get(pk=connection.pk)
        connection.fields = registry.remember_fields(
            row.fields, object_key, fields, fetched_at=timezone.now()
        )
        connection.save(update_fields=["fields"])
    return fields


def known_fields(connection: Connection, object_key: str) -> list[Field]:
    """The fields as the service last listed them; empty where it never did."""
    return registry.remembered_fields(connection.fields, object_key) or []


def _key(kind: type[Adapter], connection: Connection) -> tuple[dict[str, str], list[str]]:
    """The headers of a pasted key, and what of them is secret."""
    way = kind.api_key()
    try:
        credentials = connection.credentials
    except UnreadableSecret as error:
        raise Misconfigured(str(error), cause=Cause.CREDENTIALS) from None
    plain = {name: secret.reveal() for name, secret in credentials.items()}
    if way is None or not plain.get(way.field):
        label = way.label if way is not None else "key"
        raise AuthExpired(f"The connection “{connection.name}” has no {label}. An admin must enter it.")
    return way.headers(plain), [value for value in plain.values() if value]


def _client(
    kind: type[Adapter],
    connection: Connection,
    headers: dict[str, str],
    secrets: list[str],
    *,
    gate: Gate | None = None,
    session: requests.Session | None = None,
    version: int = 0,
) -> HttpClient:
    base_url = connection.options.get("base_url") or kind.base_url
    return HttpClient(
        kind,
        base_url=base_url,
        headers=headers,
        secrets=secrets,
        timeout=kind.limits_for(connection.options).timeout_seconds,
        session=session,
        networks=settings.ALLOWED_NETWORKS,
        proxies=proxies_for(
            base_url,
            https_proxy=settings.HTTPS_PROXY,
            http_proxy=settings.HTTP_PROXY,
            no_proxy=settings.NO_PROXY,
        ),
        ca_bundle=settings.CA_BUNDLE,
        gate=gate,
        version=version,
    )


def _asked(connection: Connection, ask: Callable[[Adapter], T]) -> T:
    """What the service answers to a person's question; once more with a new token, where it wants one."""
    with session(threads=1) as over:
        opener = Opener(connection, session=over)
        while True:
            adapter = opener("")
            try:
                return ask(adapter)
            except AuthExpired:
                if not opener.may_renew(adapter):
                    raise
                opener.renew(adapter)
            finally:
                _keep_exchanges(adapter, connection)


def _keep_exchanges(adapter: Adapter, connection: Connection) -> None:
    """Store what a person's test sent, and count it: it did not ask the budget."""
    rows = exchange_rows(adapter, connection, team_id=connection.team_id)
    if rows:
        use.keep(connection.account, rows)
        limits = type(adapter).limits_for(connection.options)
        budget.spend(connection.account_id, budget.rules(connection.account, limits), len(rows))


def _keep_health(connection: Connection, reasons: list[str]) -> None:
    connection.checked_at = timezone.now()
    connection.health = Connection.Health.ATTENTION if reasons else Connection.Health.GOOD
    connection.health_reason = " ".join(reasons)
    changed = ["checked_at", "health", "health_reason", "notes", "updated_at"]
    if not reasons:
        connection.last_good_at = connection.checked_at
        changed.append("last_good_at")
    connection.save(update_fields=changed)
