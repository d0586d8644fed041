"""What a sync's guards stand on, gathered before a run is planned: lists of domains, suppressed keys."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from syncs.engine import guard_keys
from syncs.engine.guard_kinds import Spec, content_of, kind_of, name_of
from syncs.engine.guards import Supplies
from syncs.engine.mail_domains import OwnLists
from syncs.engine.mapping import MappingBroken
from syncs.engine.plain import canonical
from syncs.models import GuardKeys, MailDomain, QueryModel, Sync
from syncs.sources.base import SourceError

CHUNK_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Guarded:
    """A sync's guards, without fault, and what they stand on."""

    specs: Sequence[Spec]
    supplies: Supplies


def guarded_by(sync: Sync) -> Guarded | None:
    """The sync's guards; None where it has none. MappingBroken where what they stand on cannot be had."""
    return gathered(sync.guards, sync) if sync.guards else None


def gathered(specs: Sequence[Spec], sync: Sync, pasted: Mapping[str, bytes] | None = None) -> Guarded:
    """These guards of a sync with what they stand on; `pasted` are lists that are not stored yet."""
    keys = {
        at: _suppressed(spec, sync, pasted or {})
        for at, spec in enumerate(specs)
        if kind_of(spec) == "suppressed"
    }
    return Guarded(specs, Supplies(own_lists(sync.team_id), keys))


def own_lists(team_id: int) -> OwnLists:
    """What the installation and the team say of domains."""
    found: dict[str, set[str]] = {MailDomain.Verdict.ALLOWED: set(), MailDomain.Verdict.BLOCKED: set()}
    for verdict, domain in MailDomain.objects.filter(team=team_id).values_list("verdict", "domain"):
        found[verdict].add(domain)
    team = OwnLists(*map(frozenset, found.values()))
    return team.joined(OwnLists(settings.ALLOWED_DOMAINS, settings.BLOCKED_DOMAINS))


def _suppressed(spec: Spec, sync: Sync, pasted: Mapping[str, bytes]) -> frozenset[int]:
    content = content_of(spec)
    if "list" not in content:
        return frozenset(map(guard_keys.digest, _of_model(spec, content, sync)))
    name = content["list"]
    stored = pasted.get(name)
    if stored is None:
        stored = GuardKeys.objects.filter(sync=sync, name=name).values_list("digests", flat=True).first()
    if stored is None:
        raise _broken(spec, "its pasted keys are gone")
    return guard_keys.unpacked(stored)


def _of_model(spec: Spec, content: Mapping[str, Any], sync: Sync) -> Iterator[str]:
    """The keys in a model's column, tidied, read now."""
    model = model_of(content["model"], sync.team_id)
    if model is None:
        raise _broken(spec, "the model with its keys is gone")
    name, count = content["model_column"], 0
    try:
        with model.source.reader().read(model.sql, chunk_rows=CHUNK_ROWS) as rows:
            columns = [column.name for column in rows.columns]
            if name not in columns:
                raise _broken(spec, f"the model “{model.name}” no longer returns the column “{name}”")
            at = columns.index(name)
            for chunk in rows:
                for row in chunk:
                    if key := guard_keys.tidied(canonical(row[at]) or ""):
                        count += 1
                        yield key
                if count > guard_keys.MOST_OF_MODEL:
                    most = f"{guard_keys.MOST_OF_MODEL:,}"
                    raise _broken(spec, f"the model “{model.name}” has more than {most} keys")
    except SourceError as error:
        raise _broken(spec, f"the model “{model.name}” cannot be read ({error})") from error


def model_of(public_id: str, team_id: int) -> QueryModel | None:
    """The team's model that a guard names."""
    try:
        wanted = UUID(public_id)
    except ValueError:
        return None
    return QueryModel.objects.filter(team=team_id, public_id=wanted).select_related("source").first()


def _broken(spec: Spec, why: str) -> MappingBroken:
    return MappingBroken(
        f"The guard “{name_of(spec)}” cannot be asked: {why}. Nothing was sent. Whoever edits the sync must "
        "mend that, or change the guard."
    )
