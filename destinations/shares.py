"""Which connections a team may use, its own and those that other teams share with it."""

from django.db.models import Q, QuerySet

from destinations.models import Connection, ConnectionShare
from syncadmin.teams.models import Team


def usable_by(team: Team) -> QuerySet[Connection]:
    """The team's own connections and those shared with it, with account and owner."""
    shared = ConnectionShare.objects.filter(with_team=team).values("connection")
    return Connection.objects.select_related("account", "team").filter(Q(team=team) | Q(pk__in=shared))


def share_for(connection: Connection, team_id: int) -> ConnectionShare | None:
    """The share by which the team uses the connection; None for its owner, and where there is none."""
    if connection.team_id == team_id:
        return None
    found = ConnectionShare.objects.select_related("team")
    return found.filter(connection=connection, with_team=team_id).first()


def objects_for(connection: Connection, team_id: int) -> frozenset[str] | None:
    """The keys of the objects that the team may write by the connection. None: all of them, it is its own."""
    if connection.team_id == team_id:
        return None
    share = share_for(connection, team_id)
    return frozenset(share.objects_allowed) if share is not None else frozenset()


def why_not(connection: Connection, team_id: int, object_key: str) -> str | None:
    """What speaks against the team's writing this object by the connection; None: nothing."""
    allowed = objects_for(connection, team_id)
    if allowed is None or object_key in allowed:
        return None
    return (
        f"{connection.team} no longer shares the connection “{connection.name}” with this team for "
        f"{object_key}. An admin of {connection.team} can share it again; or an editor of this team gives "
        "the sync another destination."
    )


def name_for(connection: Connection, team_id: int) -> str:
    """What the team calls it: with its owner in front where another team shares it."""
    is_own = connection.team_id == team_id
    return connection.name if is_own else f"{connection.team.slug}/{connection.name}"


def part_of(connection: Connection, team_id: int) -> int:
    """The part of the account's limits that the team may use, in per cent."""
    share = share_for(connection, team_id)
    return share.budget_percent if share is not None else 100
