"""Runs that stopped for want of something, started anew once it is there."""

from destinations.models import Connection
from syncadmin.teams.models import User
from syncs.engine.run import AlreadyRunning, Paused, start
from syncs.models import Run, Sync


def resume_stopped(connection: Connection, *, started_by: User | None) -> list[Run]:
    """Start the connection's syncs whose last run stopped for want of a sign-in. Returns the new runs."""
    resumed = []
    for sync in Sync.objects.filter(connection=connection, paused=False).order_by("name"):
        last = Run.objects.filter(sync=sync).order_by("-number").first()
        if last is None or last.status != Run.Status.STOPPED or last.stopped_by != Run.StoppedBy.SIGN_IN:
            continue
        try:
            run = start(
                sync,
                started_by=started_by,
                full=last.full,
                limit=last.limit,
                dry_run=last.dry_run,
                keys=last.keys,
                open_rows=last.open_rows,
                confirmed=last.confirmed_rows,
            )
        except (AlreadyRunning, Paused):
            continue  # somebody was quicker
        resumed.append(run)
    return resumed
