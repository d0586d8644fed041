"""Rows that do not arrive, in words for people: what is wrong, and who must act."""

from collections.abc import Iterable, Sequence

from destinations.contract import JSON, Adapter, Outcome, Verdict
from syncs.engine.batches import Payload
from syncs.engine.catalogue import look_up
from syncs.engine.extract import Unfit
from syncs.engine.journal import AMBIGUOUS, EXISTS, MISSING
from syncs.engine.keys import row_key
from syncs.engine.plain import mended
from syncs.engine.plan import Clash, Twin
from syncs.models import Batch, RejectedRow, Run

SHOWN_TWINS = 5
LOOKED_UP = {MISSING: "missing", AMBIGUOUS: "ambiguous", EXISTS: "exists"}

Stage, Who = RejectedRow.Stage, RejectedRow.Who


def of_unfit(run: Run, attempt: int, row: Unfit) -> RejectedRow:
    """A row whose own values cannot be sent. The first flaw names the problem, the reason tells them all."""
    first = row.flaws[0]
    return RejectedRow(
        **_common(run, attempt, row.key_text, row.match_key, row.values),
        is_open=not run.dry_run,
        stage=Stage.INVALID,
        problem=first.code,
        field=first.field,
        reason=" ".join(flaw.message for flaw in row.flaws),
        who=_who(first.code),
    )


def of_clash(run: Run, attempt: int, found: Clash, fields: Sequence[str], label: str) -> list[RejectedRow]:
    """Rows with one upsert key."""
    told = []
    for twin in found.same:
        kept = found.kept.key_text if found.kept else ""
        told.append(
            RejectedRow(
                **_common(run, attempt, twin.key_text, twin.match_key, _record(twin, fields)),
                stage=Stage.HELD_BACK,
                problem="same_as",
                reason=f"Equal to row {kept}, with the same {label}. It is sent once; nobody needs to act.",
                who=Who.NOBODY,
            )
        )
    for twin in found.different:
        others = [t.key_text for t in found.different if t.position != twin.position]
        told.append(
            RejectedRow(
                **_common(run, attempt, twin.key_text, twin.match_key, _record(twin, fields)),
                is_open=not run.dry_run,
                stage=Stage.INVALID,
                problem="duplicate",
                reason=(
                    f"{len(found.different)} rows have this {label} with different values (also: "
                    f"{_shown(others)}), and only one can be right. Whoever owns the source's data must "
                    "merge them, or the model must choose one."
                ),
                who=Who.DATA,
            )
        )
    return told


def of_repeated(
    run: Run, attempt: int, twins: Sequence[Twin], fields: Sequence[str], columns: str
) -> list[RejectedRow]:
    """Rows with one primary key."""
    reason = (
        f"{len(twins)} rows have this primary key ({columns}), so they cannot be told apart. Whoever edits "
        "the model must choose a key that no two rows share, or the source's data must be mended."
    )
    return [
        RejectedRow(
            **_common(run, attempt, twin.key_text, twin.match_key, _record(twin, fields)),
            is_open=not run.dry_run,
            stage=Stage.INVALID,
            problem="repeated_primary_key",
            reason=reason,
            who=Who.EDITOR,
        )
        for twin in twins
    ]


def of_rekey(run: Run, attempt: int, key_text: str, former: str, now: str, label: str) -> RejectedRow:
    """A record left behind at the destination, because its row has another upsert key now."""
    return RejectedRow(
        **_common(run, attempt, key_text, former, {}),
        stage=Stage.LEFT_BEHIND,
        problem="rekeyed",
        reason=(
            f"The {label} of this row was {former} and is {now} now. The record with the old one stays at "
            "the destination. An admin of the destination should merge or delete it there."
        ),
        who=Who.ADMIN,
    )


def of_outcomes(
    batch: Batch,
    payload: Payload,
    outcomes: Iterable[tuple[int, Outcome]],
    given_up: set[int],
    adapter: type[Adapter],
    companion: str,
) -> list[RejectedRow]:
    """Operations that were refused, or that nothing proves. `companion` is what to call one."""
    told = []
    part = int(batch.stage == Batch.Stage.COMPANIONS)
    for at, outcome in outcomes:
        if outcome.verdict is Verdict.ACCEPTED:
            continue
        row = payload.row(at)
        reason = mended(outcome.reason) or "The destination gave no reason."
        if outcome.verdict is Verdict.UNPROVED:
            stage, problem, who = Stage.IN_DOUBT, "in_doubt", Who.NOBODY
            reason = (
                f"It may have arrived or not: {reason} The next run sends it again; nobody needs to act "
                "unless this repeats."
            )
        elif at in given_up:
            stage, problem, who = Stage.REJECTED, "gave_up", Who.NOBODY
            reason = f"{reason} The next run tries it again; nobody needs to act unless this repeats."
        else:
            stage, problem, who = Stage.REJECTED, "refused", Who.EDITOR
            if reason in LOOKED_UP:
                problem = LOOKED_UP[reason]
                who = _who(problem, adapter)
            elif (remedy := adapter.remedy(reason)) is not None:
                problem, who = remedy.problem, Who(remedy.who.value)
                reason = f"{reason} {remedy.advice}"
        told.append(
            RejectedRow(
                **_common(
                    batch.run,
                    batch.plan_attempt,
                    row.owner if part else row.key_text,
                    row.match_key,
                    row.record,
                ),
                batch_number=batch.number,
                part=part,
                is_open=True,
                stage=stage,
                problem=problem,
                field=outcome.field,
                reason=f"{companion} {row.match_key}: {reason}" if part else reason,
                who=who,
            )
        )
    return told


def is_of_data(reason: str, adapter: type[Adapter]) -> bool:
    """Whether a refusal in these words is about the records there, whatever the mapping."""
    remedy = adapter.remedy(reason)
    return reason in LOOKED_UP or (remedy is not None and remedy.problem in LOOKED_UP.values())


def _who(problem: str, adapter: type[Adapter] | None = None) -> RejectedRow.Who:
    return Who(look_up(problem, adapter).who.value)


def _common(run: Run, attempt: int, key_text: str, match_key: str, payload: JSON) -> dict[str, JSON]:
    return {
        "team_id": run.team_id,
        "sync_id": run.sync_id,
        "run": run,
        "plan_attempt": attempt,
        "key": row_key(key_text),
        "key_text": key_text,
        "match_key": match_key,
        "payload": payload,
    }


def _record(twin: Twin, fields: Sequence[str]) -> dict[str, JSON]:
    return {f: v for f, v in zip(fields, twin.record, strict=True) if v is not None}


def _shown(others: Sequence[str]) -> str:
    more = f" and {len(others) - SHOWN_TWINS} more" if len(others) > SHOWN_TWINS else ""
    return ", ".join(others[:SHOWN_TWINS]) + more
