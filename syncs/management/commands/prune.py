"""`manage.py prune`: what the daily pruning does, now; or what it would do."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from syncs.engine import pruning, retention
from syncs.management.base import UserCommand

HEAD = ("kind", "there", "MB", "goes", "MB", "older than")


class Command(UserCommand):
    help = (
        "Remove what is beyond its days or its size (KEEP_DAYS, EXCHANGES_KEEP_DAYS, HISTORY_KEEP_DAYS, "
        "KEEP_EXCHANGES_MB, KEEP_PAYLOADS_MB, KEEP_RECORDS_MB). The workers do so each day."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="remove nothing; show how much there is, and what would go"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            for line in _table(retention.look()):
                self.stdout.write(line)
            return
        gone = {kind: count for kind, count in pruning.prune().items() if count}
        for kind, count in gone.items():
            self.stdout.write(f"removed · {kind}: {count:,}")
        if not gone:
            self.stdout.write("Nothing is beyond its days or its size.")


def _table(shares: list[retention.Share]) -> list[str]:
    lines = [HEAD, *(_line(share) for share in shares)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEAD))]
    return [
        "  ".join(
            cell.ljust(width) if at in (0, len(HEAD) - 1) else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def _line(share: retention.Share) -> tuple[str, ...]:
    until = ""
    if share.until is not None:
        until = f"{timezone.localtime(share.until):%Y-%m-%d %H:%M}" + (" (size)" if share.by_size else "")
    return (
        share.kind.label.lower(),
        f"{share.rows:,}",
        _megabytes(share.size),
        f"{share.going_rows:,}",
        _megabytes(share.going_size),
        until,
    )


def _megabytes(size: int) -> str:
    return f"{size / retention.MEGABYTE:,.1f}"
