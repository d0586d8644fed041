"""Which remote account a connection leads to, and what happens when that may have changed.

A connection's syncs remember what they sent. With another account behind it that memory is wrong, so a
new key, host or account asks "same account?". Where the service tells an account's id, the id decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction

from destinations import pacing, registry
from destinations.contract import JSON, Identity, Setting
from destinations.models import Connection, OAuthToken, RemoteAccount
from syncadmin.lib.crypto import Secret, UnreadableSecret

OF_AN_APP = ("client_id", "client_secret")  # they name no account: that is known once somebody signs in
KEPT_FOR = timedelta(hours=1)  # a change of mind


class SameAccountUnsaid(ValueError):
    """Nobody said whether the account behind a changed connection is the same."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(
            f"The key or the address of the connection “{connection.name}” changes. Say whether it leads to "
            "the same account (same_account: true) or to another one (same_account: false): to another "
            "account every row is sent again."
        )


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a change: the account, and whether the connection's syncs start a new generation."""

    account: RemoteAccount
    new_generation: bool


def change_asks(
    connection: Connection, credentials: Mapping[str, Secret], options: Mapping[str, JSON]
) -> bool:
    """Whether these may lead to another account than the stored ones, so that a person must say.

    `credentials` are those that were entered; an empty one means "as before". `options` are all of them.
    """
    if connection.pk is None:
        return False
    try:
        stored = connection.credentials
    except UnreadableSecret:
        stored = {}
    entered = {name: secret for name, secret in credentials.items() if name not in OF_AN_APP}
    if any(secret and stored.get(name) != secret for name, secret in entered.items()):
        return True
    return any(
        _says(setting, connection.options) != _says(setting, options)
        for setting in registry.adapter(connection.destination).settings
        if setting.names_account
    )


@transaction.atomic
def apply_change(
    connection: Connection,
    *,
    credentials: Mapping[str, Secret],
    options: Mapping[str, JSON],
    same_account: bool | None,
    sign_in: Connection.SignIn | None = None,
    identity: Identity | None = None,
) -> Change:
    """Store new credentials and options, and move the connection to another account where it is one.

    `sign_in` is another way to sign in than before, whose credentials take the place of the former ones; to
    which account it leads is known once somebody signs in. `identity` is what a test with the new credentials
    told. SameAccountUnsaid where a person must say and did not (None); an answer that nothing asked for
    changes nothing. The caller starts new generations, tests the connection and refreshes its fields.
    """
    asks = change_asks(connection, credentials, options)
    same = _is_same(connection.account, identity, said=same_account) if asks else True
    if same is None:
        raise SameAccountUnsaid(connection)
    entered = {name: secret for name, secret in credentials.items() if secret}
    is_other_way = False
    if sign_in is not None and sign_in != connection.sign_in:
        is_other_way = True
        connection.credentials = entered
        connection.sign_in = sign_in
        OAuthToken.objects.filter(connection=connection).delete()
    elif entered:
        try:
            before = connection.credentials
        except UnreadableSecret:
            before = {}
        connection.credentials = before | entered
        if "client_id" in entered and before.get("client_id") != entered["client_id"]:
            OAuthToken.objects.filter(connection=connection).delete()  # another app cannot renew it
    connection.options = dict(options)
    changed = ["sealed_credentials", "sign_in", "options", "updated_at"]
    if asks or is_other_way:
        connection.health = Connection.Health.UNTESTED
        connection.health_reason = ""
        changed += ["health", "health_reason"]
    connection.save(update_fields=changed)
    if not same:
        _move(connection, _other_account(connection.account, identity))
    elif identity is not None:
        recognise(connection, identity)
    return Change(connection.account, new_generation=not same)


@transaction.atomic
def recognise(connection: Connection, identity: Identity) -> bool:
    """Note the account that the service names. False where it is another one than was known.

    An account that the team has already under this id is joined: two connections, one budget.
    """
    account = connection.account
    if not identity.account_id:
        return True
    if account.remote_id and account.remote_id != identity.account_id:
        return False
    named = _named(account, identity)
    if named is not None and named.pk != account.pk:
        _move(connection, named)
        return True
    if (account.remote_id, account.name) == (identity.account_id, identity.account_name):
        return True
    account.remote_id, account.name = identity.account_id, identity.account_name
    try:
        with transaction.atomic():
            account.save(update_fields=["remote_id", "name"])
    except IntegrityError:  # another connection's test was first to name it
        account.refresh_from_db()
        _move(connection, RemoteAccount.objects.get(**_naming(account, identity)))
    return True


@transaction.atomic
def move(connection: Connection, identity: Identity) -> None:
    """The connection leads to the account that the service names, another one than before."""
    _move(connection, _other_account(connection.account, identity))


@transaction.atomic
def same_account_as(connection: Connection, other: Connection) -> None:
    """A person says that two connections lead to one account of the service: one budget, one breaker.

    ValueError where they cannot: another team, another service, or two ids that the service told.
    """
    if (connection.team_id, connection.destination) != (other.team_id, other.destination):
        raise ValueError("Only two connections of one team to one service can share an account.")
    ids = {account.remote_id for account in (connection.account, other.account)} - {""}
    if len(ids) > 1:
        raise ValueError(
            f"The service says that “{connection.name}” and “{other.name}” lead to different accounts."
        )
    mine, theirs = connection.account, other.account
    kept, left = (mine, theirs) if mine.remote_id else (theirs, mine)
    Connection.objects.filter(account=left).update(account=kept)
    connection.account = other.account = kept


def prune(now: datetime) -> int:
    """Delete old accounts that no connection leads to and no run sends to. Returns how many."""
    abandoned = RemoteAccount.objects.filter(connections__isnull=True, created_at__lt=now - KEPT_FOR)
    idle = [one.pk for one in abandoned if not pacing.is_held(one.budget, now.timestamp())]
    RemoteAccount.objects.filter(pk__in=idle, connections__isnull=True).delete()
    return len(idle)


def _is_same(account: RemoteAccount, identity: Identity | None, *, said: bool | None) -> bool | None:
    told = identity.account_id if identity else ""
    return account.remote_id == told if told and account.remote_id else said


def _says(setting: Setting, options: Mapping[str, JSON]) -> JSON:
    """What a setting says about the account: of an address only the host and the port."""
    value = options.get(setting.key) or setting.default
    return urlsplit(value).netloc.lower() if setting.kind == "url" and isinstance(value, str) else value


def _naming(account: RemoteAccount, identity: Identity) -> dict[str, Any]:
    return {
        "team_id": account.team_id,
        "destination": account.destination,
        "remote_id": identity.account_id,
    }


def _named(account: RemoteAccount, identity: Identity) -> RemoteAccount | None:
    return RemoteAccount.objects.filter(**_naming(account, identity)).first()


def _other_account(account: RemoteAccount, identity: Identity | None) -> RemoteAccount:
    """The account to move to: known under the id that the service tells, else new with the same limits."""
    told = identity if identity and identity.account_id else Identity()
    named = _named(account, told) if told.account_id else None
    return named or RemoteAccount.objects.create(
        team_id=account.team_id,
        destination=account.destination,
        remote_id=told.account_id,
        name=told.account_name,
        windows=account.windows,
        concurrency=account.concurrency,
        reserve_percent=account.reserve_percent,
    )


def _move(connection: Connection, account: RemoteAccount) -> None:
    connection.account = account
    connection.save(update_fields=["account", "updated_at"])
