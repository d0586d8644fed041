"""Saving one connection, by the rules that `apply` follows."""

from collections.abc import Mapping, Sequence

from django.db import transaction

from destinations import accounts
from destinations.contract import JSON, Identity
from destinations.models import Connection, RemoteAccount
from syncadmin.lib.crypto import Secret
from syncadmin.lib.shown import without_secrets
from syncadmin.teams import audit
from syncadmin.teams.audit import Action
from syncs.configuration.write import start_generations
from syncs.models import LedgerEntry, Run, Sync


class ActiveRuns(Exception):
    """The account cannot change while rows are on their way to it."""


@transaction.atomic
def save_connection(
    connection: Connection,
    *,
    credentials: Mapping[str, Secret],
    options: Mapping[str, JSON],
    reserve_percent: int,
    same_account: bool | None,
    sign_in: Connection.SignIn = Connection.SignIn.API_KEY,
) -> Connection:
    """Make a connection with an account of its own, or change one. Its name is on the instance.

    SameAccountUnsaid where a person must say; ActiveRuns where another account cannot come now. Another
    account starts a new generation of the connection's syncs.
    """
    if connection.pk is None:
        connection.account = RemoteAccount.objects.create(
            team=connection.team, destination=connection.destination, reserve_percent=reserve_percent
        )
        connection.credentials = dict(credentials)
        connection.options = dict(options)
        connection.sign_in = sign_in
        connection.save()
        audit.record(
            None,
            connection.team,
            Action.CONNECTION_MADE,
            connection,
            after=_told(connection) | {"reserve_percent": reserve_percent},
        )
        return connection
    syncs = list(Sync.objects.select_for_update().filter(connection=connection).order_by("pk"))
    stored = Connection.objects.select_related("account").get(pk=connection.pk)
    connection.save(update_fields=["name", "updated_at"])
    change = accounts.apply_change(
        connection, credentials=credentials, options=options, same_account=same_account, sign_in=sign_in
    )
    RemoteAccount.objects.filter(pk=change.account.pk).update(reserve_percent=reserve_percent)
    if change.new_generation:
        _demand_idle(syncs)
        start_generations(sync.pk for sync in syncs)
    before, after = audit.changed(
        _told(stored) | {"reserve_percent": stored.account.reserve_percent},
        _told(connection) | {"reserve_percent": reserve_percent},
    )
    if after or before:
        audit.record(None, connection.team, Action.CONNECTION_CHANGED, connection, before=before, after=after)
    if replaced := [name for name, secret in credentials.items() if secret]:
        audit.record(
            None, connection.team, Action.CREDENTIALS_REPLACED, connection, after={"replaced": replaced}
        )
    return connection


@transaction.atomic
def move_account(connection: Connection, identity: Identity) -> None:
    """The connection leads to the account that the service names now: its syncs begin anew.

    ActiveRuns where rows are on their way to the former one.
    """
    syncs = list(Sync.objects.select_for_update().filter(connection=connection).order_by("pk"))
    _demand_idle(syncs)
    before = connection.account.name
    accounts.move(connection, identity)
    start_generations(sync.pk for sync in syncs)
    audit.record(
        None,
        connection.team,
        Action.CONNECTION_MOVED,
        connection,
        before={"account": before},
        after={"account": connection.account.name},
    )


def _told(connection: Connection) -> dict[str, JSON]:
    """What the audit log holds of a connection: no credentials."""
    return {
        "name": connection.name,
        "destination": connection.destination,
        "sign_in": str(connection.sign_in),
        "settings": without_secrets(connection.options),
    }


def _demand_idle(syncs: Sequence[Sync]) -> None:
    found = Run.objects.active().filter(sync__in=syncs).select_related("sync__connection", "sync__team")
    running = found.first()
    if running is not None:
        is_own = running.team_id == running.sync.connection.team_id
        called = running.sync if is_own else f"A sync of {running.sync.team}"
        raise ActiveRuns(
            f"{called} is running. Wait for its end, or cancel the run, before the account changes."
        )


def rows_sent_again(connection: Connection) -> int:
    """How many rows count as not sent yet if the account becomes another one."""
    return sum(
        LedgerEntry.objects.filter(sync=sync, generation=sync.generation, part=0).count()
        for sync in Sync.objects.filter(connection=connection)
    )
