"""A person's test of a connection: what it came to in words, and the runs that go on because of it."""

from django.contrib import messages
from django.http import HttpRequest

from destinations import connect
from destinations.errors import DestinationError
from destinations.models import Connection
from syncadmin.teams.models import User
from syncs.engine.resuming import resume_stopped


def test_and_tell(request: HttpRequest, found: Connection) -> None:
    """Test the connection, read its fields, and say what came of it."""
    identity = connect.check(found)
    if found.health == Connection.Health.GOOD:
        try:
            for one in connect.adapter_of(found).objects:
                connect.refresh_fields(found, one.key)
        except DestinationError as error:
            messages.warning(
                request, f"The connection works, but its fields could not be read. {error.message}"
            )
            return
        name = identity.account_name if identity else ""
        messages.success(request, f"The connection works{f': you are in {name}' if name else ''}.")
    else:
        messages.error(request, "The test failed. Why, and what to do, stands below.")


def go_on(request: HttpRequest, found: Connection) -> None:
    """Go on with the runs that stopped for want of a sign-in, where the connection works now."""
    if found.health != Connection.Health.GOOD:
        return
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - nobody else comes here
    if resumed := resume_stopped(found, started_by=user):
        names = ", ".join(
            f"“{run.sync.name}”" if run.team_id == found.team_id else f"a sync of {run.team}"
            for run in resumed
        )
        messages.info(request, f"Went on with {names}, which had stopped for want of a sign-in.")
