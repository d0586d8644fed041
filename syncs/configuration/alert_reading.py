"""What a document says of alerts, read from its tree. Pure; knows nothing of what exists.

```yaml
alerts:
  targets:
    people: {type: email, to: [ada@example.com]}          # members of the team
    slack: {type: slack, url: "${SLACK_URL}"}             # and teams, pagerduty, sms, webhook, other
  rules:
    - {when: failed}                                      # to every target
    - {when: rows, percent: 5, to: [slack]}               # to: [] silences
    - {when: stale, hours: 24, sync: leads-to-qualified}  # for one sync
```

What the document does not name stays. An address that it leaves out stays as it is stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from syncs.alerting.addresses import KINDS, Address, AddressWrong, TargetKind
from syncs.alerting.rules import TEAM_ONLY, Kind
from syncs.configuration.problems import Problem, did_you_mean, listed
from syncs.configuration.section import Section, is_broken
from syncs.configuration.tree import Block, Listing, Scalar, Tree

KIND_NAMES = [kind.value for kind in TargetKind]
NUMBERS = {Kind.ROWS: (("rows", 100_000_000), ("percent", 100)), Kind.STALE: (("hours", 24 * 90),)}


@dataclass(frozen=True, slots=True)
class TargetPart:
    """`address` is None where the document leaves it, or where e-mails go `to` people."""

    name: str
    line: int
    kind: TargetKind
    address: Address | None = field(default=None, repr=False)
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RulePart:
    """`to` is None for every target. `sync` is empty for all syncs."""

    line: int
    kind: Kind
    sync: str = ""
    rows: int | None = None
    percent: int | None = None
    hours: int | None = None
    to: tuple[str, ...] | None = None

    @property
    def called(self) -> str:
        return f"alert rule {self.kind.value}{f' of {self.sync}' if self.sync else ''}"


@dataclass(frozen=True, slots=True)
class Alerts:
    targets: tuple[TargetPart, ...] = ()
    rules: tuple[RulePart, ...] = ()


def read_alerts(root: Section) -> Alerts:
    """What the document says of alerts. What is wrong is told, and left out."""
    part = root.section("alerts", "`alerts`")
    if part is None:
        return Alerts()
    targets = [_target(name, one) for name, one in part.sections("targets", "alert target").items()]
    tree = part.tree("rules")
    items: Sequence[Tree] = tree.items if isinstance(tree, Listing) else () if tree is None else (tree,)
    rules = [_rule(one, part.problems) for one in items]
    part.close()
    seen: set[tuple[Kind, str]] = set()
    for rule in rules:
        if rule is not None and (rule.kind, rule.sync) in seen:
            part.wrong(rule.line, f"there are two rules for `{rule.called.removeprefix('alert rule ')}`")
        elif rule is not None:
            seen.add((rule.kind, rule.sync))
    good = tuple(one for one in rules if one is not None)
    return Alerts(tuple(one for one in targets if one is not None), good)


def _target(name: str, part: Section) -> TargetPart | None:
    kind = part.text("type", required=True)
    if kind is None or kind not in KIND_NAMES:
        if kind is not None:
            message = f"{part.called}: there is no type `{kind}`{did_you_mean(kind, KIND_NAMES)}"
            part.wrong(part.lines["type"], f"{message}; write {listed(KIND_NAMES)}")
        return None
    facts = KINDS[TargetKind(kind)]
    if kind == TargetKind.EMAIL:
        to = part.texts("to", required=True)
        part.close()
        return TargetPart(name, part.line, TargetKind.EMAIL, to=to) if to is not None else None
    entered = {one.key: (part.text(one.key) or "").strip() for one in facts.parts}
    part.close()
    if not any(entered[one.key] for one in facts.parts if not one.choices):
        return TargetPart(name, part.line, TargetKind(kind))
    for one in facts.parts:
        allowed = [value for value, _ in one.choices]
        if one.required and not allowed and not entered[one.key]:
            part.wrong(part.line, f"{part.called} has no `{one.key}`")
            return None
        if allowed and entered[one.key] and entered[one.key] not in allowed:
            part.wrong(part.lines[one.key], f"`{one.key}` of {part.called} must be {listed(allowed)}")
            return None
    try:
        return TargetPart(name, part.line, TargetKind(kind), facts.make(entered))
    except AddressWrong as wrong:
        part.wrong(part.lines.get(wrong.part, part.line), f"`{wrong.part}` of {part.called}: {wrong}")
        return None


def _rule(tree: Tree, problems: list[Problem]) -> RulePart | None:
    part = Section(tree, "an alert rule", tree.line, problems)
    if not isinstance(tree, Block):
        return None
    before = len(problems)
    kind = part.text("when", required=True)
    kinds = [one.value for one in Kind]
    if kind is not None and kind not in kinds:
        part.wrong(part.lines["when"], f"an alert rule's `when` must be {listed(kinds)}")
    sync = part.text("sync") or ""
    if kind in TEAM_ONLY and sync:
        part.wrong(part.lines["sync"], f"a rule of `{kind}` is for all syncs: a connection is of several")
    numbers: dict[str, int] = {}
    for name, most in NUMBERS.get(Kind(kind), ()) if kind in kinds else ():
        if (number := _number(part, name, most)) is not None:
            numbers[name] = number
    if kind in NUMBERS and not numbers and len(problems) == before:
        part.wrong(part.line, f"a rule of `{kind}` needs {listed(name for name, _ in NUMBERS[Kind(kind)])}")
    to = _names(part)
    part.close(also=("rows", "percent", "hours"))
    if len(problems) > before or kind is None:
        return None
    return RulePart(tree.line, Kind(kind), sync, to=to, **numbers)


def _number(part: Section, name: str, most: int) -> int | None:
    tree = part.tree(name)
    if tree is None or is_broken(tree):
        return None
    text = tree.text.strip() if isinstance(tree, Scalar) else ""
    least = 1 if name == "hours" else 0
    if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most:
        return int(text)
    part.wrong(tree.line, f"`{name}` of {part.called} must be a whole number from {least} to {most}")
    return None


def _names(part: Section) -> tuple[str, ...] | None:
    """The targets of a rule: None for all, none for nobody."""
    tree = part.tree("to")
    if tree is None or (isinstance(tree, Listing) and not tree.items):
        return None if tree is None else ()
    return part.texts("to")
