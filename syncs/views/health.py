"""A person's test of a connection, and what it came to in words."""

from django.contrib import messages
from django.http import HttpRequest

from destinations import connect
from destinations.errors import DestinationError
from destinations.models import Connection


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
