"""Fields of one object that more than one sync writes: the last run wins, and the others never notice."""

from collections.abc import Iterator
from dataclasses import dataclass

from destinations.models import RemoteAccount
from syncadmin.teams.models import Team
from syncs.models import FieldMapping, Sync

MOST = 200  # fields shown


@dataclass(frozen=True, slots=True)
class Overlap:
    """A field, and who writes it: syncs of the team, and the names of other teams."""

    object_key: str
    field: str
    syncs: tuple[Sync, ...]
    teams: tuple[str, ...]


def overlaps_of(account: RemoteAccount, team: Team) -> list[Overlap]:
    """What those who manage a connection to the account must know, over all teams. One query.

    The one thing that a team learns of others: that they write a field, not how or with what.
    """
    return list(_found(account, team))[:MOST]


def overlaps_with(sync: Sync) -> list[Overlap]:
    """The fields of a sync that other syncs of its own team write as well. One query."""
    found = _found(sync.connection.account, sync.team, object_key=sync.object_key, own_alone=True)
    return [
        Overlap(one.object_key, one.field, tuple(other for other in one.syncs if other.pk != sync.pk), ())
        for one in found
        if any(other.pk == sync.pk for other in one.syncs)
    ][:MOST]


def _found(
    account: RemoteAccount, team: Team, *, object_key: str = "", own_alone: bool = False
) -> Iterator[Overlap]:
    mappings = FieldMapping.objects.filter(sync__connection__account=account)
    if object_key:
        mappings = mappings.filter(sync__object_key=object_key)
    if own_alone:
        mappings = mappings.filter(team=team)
    writers: dict[tuple[str, str], list[Sync]] = {}
    for mapping in mappings.select_related("sync__team").order_by("sync__object_key", "field", "sync__name"):
        sync = mapping.sync
        if mapping.field != sync.upsert_key:  # each of them finds its records by it
            writers.setdefault((sync.object_key, mapping.field), []).append(sync)
    for (key, field), syncs in writers.items():
        if len(syncs) > 1:
            own = tuple(one for one in syncs if one.team_id == team.pk)
            others = sorted({str(one.team) for one in syncs if one.team_id != team.pk})
            yield Overlap(key, field, own, tuple(others))
