"""Signing in at a service itself: OAuth 2, authorization code, once for all destinations.

Tokens rotate: a refresh token is good once. So the workers of all machines renew one at a time, by a lease
in the database and no open transaction, and what they are given is stored before it is used. Where a
process dies between the service's answer and the storing, the new tokens are lost and the old ones no longer
good: then a person must sign in again, and is told so. The lease that such a process leaves behind shows it.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from destinations import failures, registry
from destinations.auth import OAuth
from destinations.errors import AuthExpired, Cause, DestinationError, Misconfigured, Temporary
from destinations.models import Connection, OAuthToken
from syncadmin.lib import outgoing
from syncadmin.lib.crypto import Secret, UnreadableSecret
from syncadmin.lib.proxies import proxies_for
from syncadmin.lib.redact import Redactor

TIMEOUT = 30.0  # seconds; a lease outlasts it
MOST_BYTES = 1_000_000  # of an answer with tokens
LEASE = timedelta(seconds=60)
LOOK_AGAIN = 0.2  # seconds, while another worker renews
LIFE = 7_200  # seconds of a token whose service does not say


@dataclass(frozen=True, slots=True)
class App:
    """What the service calls us by. Made there by whoever hosts this installation, or by the team."""

    client_id: str
    client_secret: Secret
    is_own: bool = False  # the connection's own, not the installation's


def way_of(connection: Connection) -> OAuth:
    """How the connection's destination signs people in. LookupError where it does not."""
    way = registry.adapter(connection.destination).oauth()
    if way is None:
        raise LookupError(f"{connection.destination} has no sign-in of this kind.")
    return way


def app_of(connection: Connection) -> App | None:
    """The connection's own app, else the installation's; None where there is neither."""
    try:
        own = connection.credentials
    except UnreadableSecret:
        own = {}
    if own.get("client_id") and own.get("client_secret"):
        return App(own["client_id"].reveal(), own["client_secret"], is_own=True)
    named = settings.OAUTH_APPS.get(connection.destination)
    return App(named[0], Secret(named[1])) if named else None


def host_of(connection: Connection) -> str:
    """Where people sign in, without a slash at its end."""
    way = way_of(connection)
    return str(connection.options.get(way.host_setting) or way.host).rstrip("/")


def sign_in_address(connection: Connection, *, redirect: str, state: str) -> str:
    """Where to send a person who signs in. They come back to `redirect` with `state` and a code."""
    way, app = way_of(connection), _app(connection)
    scopes = " ".join(scope.name for scope in registry.adapter(connection.destination).scopes)
    with _session(app, redirect=redirect, scope=scopes) as session:
        address, _ = session.create_authorization_url(host_of(connection) + way.authorize_path, state=state)
    return str(address)


def sign_in(connection: Connection, *, redirect: str, answer: dict[str, str]) -> dict[str, Any]:
    """The tokens for the code that a person came back with. `answer` is the query they came with.

    Raises DestinationError. Nothing is stored: the caller says `store`, once it knows whose account it is.
    """
    passed_on = {name: answer[name] for name in ("context", "scope") if answer.get(name)}
    return _ask(
        connection,
        redirect=redirect,
        grant_type="authorization_code",
        code=answer.get("code", ""),
        redirect_uri=redirect,
        **passed_on,
    )


def store(connection: Connection, told: dict[str, Any]) -> OAuthToken:
    """Keep what the service gave, in place of what was there."""
    now = timezone.now()
    token = OAuthToken.objects.filter(connection=connection).first()
    token = token or OAuthToken(connection=connection, version=0)
    token.team_id = connection.team_id
    token.secrets = _secrets(told)
    token.scopes = str(told.get("scope") or "")
    token.expires_at = _expires_at(told, now)
    token.signed_in_at, token.renewed_at = now, None
    token.version += 1
    token.lease_token = token.lease_expires_at = None
    token.refused_reason = ""
    token.save()
    return token


def current(connection: Connection) -> OAuthToken:
    """A token that can be used now, renewed ahead of its end. AuthExpired where a person must sign in."""
    return _usable(connection, beyond=0)


def renewed(connection: Connection, *, used: int) -> OAuthToken:
    """A token newer than version `used`, which the service no longer took. Raises as `current`."""
    return _usable(connection, beyond=used)


def seconds_left(connection: Connection, token: OAuthToken) -> float:
    """Until the token is to be renewed: some time ahead of its end. Below 0 where that time has come."""
    ahead = timedelta(seconds=way_of(connection).refresh_ahead_seconds)
    life = token.expires_at - (token.renewed_at or token.signed_in_at)
    return (token.expires_at - min(ahead, life / 4) - timezone.now()).total_seconds()


def version(connection: Connection) -> int:
    """The version of the token that is stored; 0 where there is none."""
    found = OAuthToken.objects.filter(connection=connection).values_list("version", flat=True).first()
    return found or 0


def _usable(connection: Connection, *, beyond: int) -> OAuthToken:
    """The token of a version above `beyond`; renewed here, or by another worker while we wait."""
    deadline = time.monotonic() + 2 * LEASE.total_seconds()
    while True:
        token = OAuthToken.objects.filter(connection=connection).first()
        if token is None:
            raise AuthExpired(
                f"Nobody has signed in yet with the connection “{connection.name}”. An admin must open it "
                "and choose Connect."
            )
        if token.refused_reason:
            raise AuthExpired(token.refused_reason)
        now = timezone.now()
        if token.version > beyond and seconds_left(connection, token) > 0:
            return token
        was_left = token.lease_token is not None
        if lease := _take_lease(token, now):
            is_lost = True
            try:
                found = _renew(connection, token, was_left=was_left)
                is_lost = False
                return found
            except Temporary as error:
                is_lost = was_left or error.may_be_applied
                if token.version > beyond and token.expires_at > now:
                    return token  # still good; the next call tries again
                raise
            except DestinationError:
                is_lost = False  # the service has answered
                raise
            finally:
                _give_back(token, lease, is_lost=is_lost)
        if token.version > beyond and token.expires_at > now:
            return token  # somebody else renews it, and it is good until then
        if time.monotonic() > deadline:
            raise Temporary(
                f"The sign-in of “{connection.name}” takes too long to be renewed. It is tried again.",
                cause=Cause.TIMEOUT,
                may_be_applied=False,
            )
        time.sleep(LOOK_AGAIN)


def _take_lease(token: OAuthToken, now: datetime) -> UUID | None:
    """The lease, if nobody has it and the token is as we read it."""
    lease = uuid4()
    taken = (
        OAuthToken.objects.filter(pk=token.pk, version=token.version)
        .filter(Q(lease_token__isnull=True) | Q(lease_expires_at__lt=now))
        .update(lease_token=lease, lease_expires_at=now + LEASE)
    )
    if taken:
        token.lease_token = lease
    return lease if taken else None


def _give_back(token: OAuthToken, lease: UUID, *, is_lost: bool) -> None:
    """Let another worker renew. Where an answer may be lost, the lease stays as one that is over."""
    kept: dict[str, Any] = {"lease_token": None, "lease_expires_at": None}
    if is_lost:
        kept = {"lease_expires_at": timezone.now()}
    OAuthToken.objects.filter(pk=token.pk, lease_token=lease).update(**kept)


def _renew(connection: Connection, token: OAuthToken, *, was_left: bool) -> OAuthToken:
    """Ask for a new token and store it. The caller holds the lease.

    `was_left`: whoever asked before us did not store an answer, so that the service may have rotated.
    """
    now = timezone.now()
    try:
        secrets = token.secrets
    except UnreadableSecret as error:
        raise Misconfigured(str(error), cause=Cause.CREDENTIALS) from None
    refresh = secrets.get("refresh_token")
    label = registry.adapter(connection.destination).label
    if not refresh:
        raise _refused(connection, token, f"the sign-in ran out, and {label} gave no way to renew it")
    try:
        told = _ask(connection, grant_type="refresh_token", refresh_token=refresh.reveal())
    except AuthExpired as error:
        lost = (
            f"{label} may have renewed it before, and what it gave was lost: the worker that asked ended, or "
            "the connection broke, before it was stored. "
        )
        raise _refused(connection, token, (lost if was_left else "") + error.message) from None
    kept = _secrets(told)
    token.secrets = {"refresh_token": refresh} | kept
    token.expires_at, token.renewed_at = _expires_at(told, now), now
    stored = OAuthToken.objects.filter(
        pk=token.pk, lease_token=token.lease_token, version=token.version
    ).update(
        sealed_tokens=token.sealed_tokens,
        scopes=str(told.get("scope") or token.scopes),
        expires_at=token.expires_at,
        renewed_at=now,
        version=F("version") + 1,
    )
    if not stored:  # somebody signed in anew meanwhile, which is newer than what we have
        return _usable(connection, beyond=token.version)
    token.version += 1
    return token


def _refused(connection: Connection, token: OAuthToken, why: str) -> AuthExpired:
    """Mark that a person must sign in; the error that says so."""
    reason = (
        f"The sign-in of the connection “{connection.name}” is no longer good: {why.rstrip('.')}. An admin "
        "must open the connection and choose Reconnect; what was not sent goes then."
    )
    OAuthToken.objects.filter(pk=token.pk, version=token.version).update(refused_reason=reason)
    return AuthExpired(reason)


def _ask(connection: Connection, *, redirect: str = "", **parameters: str) -> dict[str, Any]:
    """One request to the token address: the answer with an access token in it, or a DestinationError."""
    app, label = _app(connection), registry.adapter(connection.destination).label
    address = host_of(connection) + way_of(connection).token_path
    place = failures.Place(label, urlsplit(address).netloc, "", TIMEOUT)
    hidden = Redactor(
        [app.client_secret.reveal(), *(v for k, v in parameters.items() if k != "redirect_uri")]
    )
    proxies = proxies_for(
        address,
        https_proxy=settings.HTTPS_PROXY,
        http_proxy=settings.HTTP_PROXY,
        no_proxy=settings.NO_PROXY,
    )
    try:
        with _session(app, redirect=redirect) as session:
            told = session.fetch_token(
                address,
                timeout=TIMEOUT,
                proxies=proxies,
                verify=settings.CA_BUNDLE or True,
                allow_redirects=False,
                **parameters,
            )
    except OAuthError as error:
        said = hidden.text(str(error.description or error.error or ""))
        raise _error(error.error or "", said, label, app) from None
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 500
        if status < 500 and status not in (408, 429):
            raise Misconfigured(
                f"There is no sign-in at {place.host} ({status}). Whoever set up the connection must check "
                "the address of the sign-in in its advanced settings.",
                cause=Cause.NOT_FOUND,
            ) from None
        raise Temporary(
            f"{label} has trouble of its own with signing in ({status}). It is tried again by itself.",
            cause=Cause.SERVER,
            may_be_applied=False,
        ) from None
    except (requests.RequestException, OSError, outgoing.Refused, outgoing.TooLarge) as error:
        raise failures.from_exception(error, place) from None
    except ValueError:
        raise failures.garbled(place, "is not JSON") from None
    if not isinstance(told, dict) or not told.get("access_token"):
        raise failures.garbled(place, "holds no token")
    return dict(told)


def _error(code: str, said: str, label: str, app: App) -> DestinationError:
    says = f" {label} says: {said}" if said else ""
    if code in ("invalid_client", "unauthorized_client"):
        where = "the connection" if app.is_own else "OAUTH_APPS"
        return Misconfigured(
            f"{label} does not know the app, or its secret is wrong ({code}). Whoever made the app must "
            f"check the client id and the client secret in {where}.{says}",
            cause=Cause.CREDENTIALS,
        )
    return AuthExpired(f"{label} no longer takes the sign-in ({code or 'no reason given'}).{says}")


def _app(connection: Connection) -> App:
    app = app_of(connection)
    if app is None:
        label = registry.adapter(connection.destination).label
        raise Misconfigured(
            f"There is no app of {label} to sign in with. An admin must enter a client id and a client "
            "secret in the connection, or whoever runs this server must set OAUTH_APPS.",
            cause=Cause.CREDENTIALS,
        )
    return app


def _session(app: App, *, redirect: str = "", scope: str | None = None) -> OAuth2Session:
    session = OAuth2Session(
        app.client_id,
        app.client_secret.reveal(),
        token_endpoint_auth_method="client_secret_post",  # noqa: S106 - the name of a way, no secret
        redirect_uri=redirect or None,
        scope=scope,
    )
    outgoing.restrict(session, networks=settings.ALLOWED_NETWORKS, most_bytes=MOST_BYTES)
    return session


def _secrets(told: dict[str, Any]) -> dict[str, Secret]:
    return {name: Secret(str(told[name])) for name in ("access_token", "refresh_token") if told.get(name)}


def _expires_at(told: dict[str, Any], now: datetime) -> datetime:
    """When the token ends, by our clock."""
    try:
        seconds = float(told.get("expires_in") or LIFE)
    except (TypeError, ValueError):
        seconds = LIFE
    return datetime.fromtimestamp(now.timestamp() + seconds, UTC)
