"""From what is known of a team's syncs and accounts to what is wrong, each thing once. Pure.

One cause is one trouble: 40 syncs that stopped because their account does not answer are a trouble of the
account, not 40 of syncs. Its `subject` names the cause, and an alert stays open while the subject has a
trouble.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

OUTAGE_TELLS_AFTER = timedelta(minutes=10)  # shorter ones pass by themselves, and nobody can do anything
OVERDUE_AFTER = timedelta(minutes=10)  # a time of a schedule at which no run began


class Kind(StrEnum):
    """What a rule watches. Where several kinds see one cause, the first of them tells it."""

    CONNECTION = "connection"
    FAILED = "failed"
    WAITS = "waits"
    ROWS = "rows"
    STALE = "stale"
    MISSED = "missed"


TEAM_ONLY = frozenset({Kind.CONNECTION})  # an account is of all syncs that write there


class At(StrEnum):
    """Where a run stopped, as a person must act there."""

    SYNC = ""
    SIGN_IN = "sign_in"
    DESTINATION = "destination"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Rule:
    """When to tell. `sync` None: all syncs that have no rule of this kind of their own."""

    id: int
    kind: Kind
    sync: int | None = None
    rows: int | None = None
    percent: int | None = None
    hours: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over. `attention` counts its rows that need somebody, those refused before included."""

    id: UUID
    number: int
    finished_at: datetime
    is_stopped: bool = False
    stopped_at: At = At.SYNC
    reason: str = ""
    read: int = 0
    attention: int = 0


@dataclass(frozen=True, slots=True)
class SyncFacts:
    """A sync that is not paused. `last` and `last_whole` are its newest runs that ended (no tries); the
    latter went over all rows. `good_at` is when one of those last ended well, `begun_at` when the first
    began.
    """

    id: int
    page: UUID
    name: str
    account: int
    source: int
    runs_by_itself: bool = False
    last: Ended | None = None
    last_whole: Ended | None = None
    good_at: datetime | None = None
    begun_at: datetime | None = None
    waits: UUID | None = None  # a run that waits for approval
    missed_at: datetime | None = None  # the first time of its schedule since which no run began
    missed_run: UUID | None = None  # … as this one was still going
    has_broken_schedule: bool = False

    @property
    def stopped(self) -> Ended | None:
        """The run that stopped and was not made good: what a run of a few rows did says nothing of all."""
        newest = [run for run in (self.last, self.last_whole) if run is not None and run.is_stopped]
        return newest[0] if newest else None


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """An account at a destination. `needs` is what its connections need.

    `connection` is the page of one of them; None where it is another team's, which shares it.
    """

    id: int
    name: str
    connection: UUID | None
    down_since: datetime | None = None
    down_reason: str = ""
    needs: str = ""


@dataclass(frozen=True, slots=True)
class SourceFacts:
    id: int
    page: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Facts:
    """A team, as it stands `now`. `open` are the subjects of its open alerts."""

    now: datetime
    rules: Sequence[Rule]
    syncs: Sequence[SyncFacts]
    accounts: Mapping[int, AccountFacts]
    sources: Mapping[int, SourceFacts]
    open: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that somebody should know. `rules` are those that see it, the one that tells it first."""

    subject: str
    kind: Kind
    rules: tuple[int, ...]
    syncs: tuple[SyncFacts, ...] = ()
    account: AccountFacts | None = None
    source: SourceFacts | None = None


@dataclass(slots=True)
class _Group:
    """What several symptoms have in common."""

    rules: dict[Kind, dict[int, Rule]] = field(default_factory=lambda: defaultdict(dict))
    syncs: dict[int, SyncFacts] = field(default_factory=dict)

    def add(self, rule: Rule | None, sync: SyncFacts | None = None) -> None:
        if sync is not None:
            self.syncs[sync.id] = sync
        if rule is not None:
            self.rules[rule.kind][rule.id] = rule

    def trouble(
        self, subject: str, account: AccountFacts | None = None, source: SourceFacts | None = None
    ) -> Trouble | None:
        kind = next((kind for kind in Kind if self.rules.get(kind)), None)
        if kind is None:
            return None
        telling = self.rules[kind]
        # Who made a rule for one sync alone wants to know, whatever the cause.
        own = [rule.id for known in self.rules.values() for rule in known.values() if rule.sync is not None]
        return Trouble(
            subject,
            kind,
            tuple(dict.fromkeys([*telling, *own])),
            tuple(sorted(self.syncs.values(), key=lambda sync: sync.name)),
            account,
            source,
        )


def troubles(facts: Facts) -> list[Trouble]:
    """What is wrong now and watched by a rule, each cause once."""
    rules = {(rule.kind, rule.sync): rule for rule in facts.rules}
    accounts = {one.id: _Group() for one in facts.accounts.values()}
    sources = {one: _Group() for one in facts.sources}
    bad = {one.id for one in facts.accounts.values() if is_bad(one, facts.now)}
    for account in bad:
        accounts[account].add(rules.get((Kind.CONNECTION, None)))
    found: list[Trouble | None] = []
    for sync in facts.syncs:
        for kind in _symptoms(sync, rules, facts.now):
            rule = _rule(rules, kind, sync)
            subject = _subject(sync, kind, bad, facts.open)
            of, _, id = subject.partition(":")
            alone = _Group()
            cause = {"account": accounts, "source": sources}.get(of, {}).get(int(id.split(":")[0]), alone)
            cause.add(rule, sync)
            if cause is alone:
                found.append(alone.trouble(subject))
    found += [group.trouble(f"account:{id}", account=facts.accounts[id]) for id, group in accounts.items()]
    found += [group.trouble(f"source:{id}", source=facts.sources[id]) for id, group in sources.items()]
    return [one for one in found if one is not None]


def _subject(sync: SyncFacts, kind: Kind, bad: Collection[int], open: Collection[str]) -> str:
    """What a symptom is put down to. Whatever was told as the sync's own trouble stays its own to the end."""
    own, account = f"sync:{sync.id}:{kind}", f"account:{sync.account}"
    if own in open or kind not in {Kind.FAILED, Kind.STALE, Kind.MISSED}:
        return own
    stopped_at = sync.stopped.stopped_at if sync.stopped is not None else At.SYNC
    if stopped_at in {At.SIGN_IN, At.DESTINATION}:
        return account
    if stopped_at is At.SOURCE:
        return f"source:{sync.source}"
    # Who had to wait for an account is late a while longer: the alert of the account lasts until then.
    return account if kind is not Kind.FAILED and (sync.account in bad or account in open) else own


def is_bad(account: AccountFacts, now: datetime) -> bool:
    """Whether nobody gets in there, for longer than a hiccup."""
    return bool(account.needs) or is_down(account, now)


def is_down(account: AccountFacts, now: datetime) -> bool:
    return account.down_since is not None and now - account.down_since >= OUTAGE_TELLS_AFTER


def is_too_many(rule: Rule, ended: Ended) -> bool:
    """Whether more of a run's rows need attention than the rule bears."""
    if rule.rows is not None and ended.attention > rule.rows:
        return True
    return rule.percent is not None and ended.attention * 100 > rule.percent * ended.read


def stale_since(sync: SyncFacts) -> datetime | None:
    """Since when the sync has had no success; None: it never began."""
    return sync.good_at or sync.begun_at


def _rule(rules: Mapping[tuple[Kind, int | None], Rule], kind: Kind, sync: SyncFacts) -> Rule | None:
    return rules.get((kind, sync.id)) or rules.get((kind, None))


def _symptoms(
    sync: SyncFacts, rules: Mapping[tuple[Kind, int | None], Rule], now: datetime
) -> Iterable[Kind]:
    if sync.stopped is not None:
        yield Kind.FAILED
    if sync.waits is not None:
        yield Kind.WAITS
    rows = _rule(rules, Kind.ROWS, sync)
    if rows is not None and sync.last_whole is not None and is_too_many(rows, sync.last_whole):
        yield Kind.ROWS
    stale, since = _rule(rules, Kind.STALE, sync), stale_since(sync)
    if stale is not None and stale.hours is not None and since is not None:
        is_meant = stale.sync is not None or sync.runs_by_itself
        if is_meant and now - since > timedelta(hours=stale.hours):
            yield Kind.STALE
    # No sooner than an outage is told: who is late for it belongs to the account's alert.
    is_overdue = sync.missed_at is not None and now - sync.missed_at > OVERDUE_AFTER
    if (is_overdue and sync.waits is None) or sync.has_broken_schedule:
        yield Kind.MISSED
