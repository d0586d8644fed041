"""How a connection of a document signs in: by a pasted key, or by an app with which a person signs in.

`api_key` names the one, `client_id` with `client_secret` the other. `sign_in: oauth` alone is for the app of
the installation (OAUTH_APPS). A document that says nothing of these leaves what is stored.
"""

from collections.abc import Mapping

from django.conf import settings

from destinations.accounts import OF_AN_APP
from destinations.contract import Adapter
from destinations.models import Connection
from syncadmin.lib.crypto import Secret
from syncs.configuration.desk import Desk
from syncs.configuration.document import ConnectionPart
from syncs.configuration.goals import stored

WAY = "sign_in"
SignIn = Connection.SignIn


def keys(adapter: type[Adapter]) -> list[str]:
    """The keys of a document that are read here."""
    key = adapter.api_key()
    return [*([key.field] if key else []), *((*OF_AN_APP, WAY) if adapter.oauth() else ())]


def read(
    desk: Desk, part: ConnectionPart, adapter: type[Adapter], existing: Connection | None
) -> tuple[SignIn, dict[str, Secret]]:
    """The way to sign in, and the secrets that the document gives for it. What is wrong is told."""
    way = _way(desk, part, adapter, existing)
    if way is SignIn.OAUTH:
        return way, _app(desk, part, adapter, existing)
    return way, _key(desk, part, adapter, existing)


def _way(desk: Desk, part: ConnectionPart, adapter: type[Adapter], existing: Connection | None) -> SignIn:
    key, oauth = adapter.api_key(), adapter.oauth()
    if oauth is None or key is None:
        return SignIn.API_KEY if oauth is None else SignIn.OAUTH
    by_app = next((name for name in OF_AN_APP if (name,) in part.lines), "")
    by_key = (key.field,) in part.lines
    said = str(part.options.get(WAY) or "").strip()
    if said and said not in SignIn.values:
        desk.wrong(
            part, f"{part.called}: `{WAY}` must be {SignIn.OAUTH.value} or {SignIn.API_KEY.value}", WAY
        )
    elif by_app and (by_key or said == SignIn.API_KEY):
        what = f"`{key.field}`" if by_key else f"`{WAY}: {said}`"
        desk.wrong(part, f"{part.called} has {what} and `{by_app}`: only one of them can sign in", by_app)
    elif by_key and said == SignIn.OAUTH:
        desk.wrong(part, f"{part.called} has `{key.field}` and `{WAY}: {said}`: only one can sign in", WAY)
    elif said:
        return SignIn(said)
    if by_app or by_key:
        return SignIn.OAUTH if by_app else SignIn.API_KEY
    return SignIn(existing.sign_in) if existing is not None else SignIn.API_KEY


def _app(
    desk: Desk, part: ConnectionPart, adapter: type[Adapter], existing: Connection | None
) -> dict[str, Secret]:
    given = {name: str(part.options.get(name) or "").strip() for name in OF_AN_APP}
    told = [name for name in OF_AN_APP if (name,) in part.lines]
    missing = [name for name in OF_AN_APP if not given[name] and not _is_broken(part, name)]
    if told and missing:
        both = " and ".join(f"`{name}`" for name in OF_AN_APP)
        here = missing[0] if missing[0] in told else told[0]
        desk.wrong(part, f"{part.called} has no `{missing[0]}`: {both} belong together", here)
        return {}
    if not told and not _has_app(adapter, existing):
        message = (
            f"{part.called} has no app of {adapter.label} to sign in with: give `client_id` and "
            "`client_secret`, or let whoever runs this server set OAUTH_APPS"
        )
        desk.wrong(part, message, WAY)
    return {name: Secret(value) for name, value in given.items() if value}


def _key(
    desk: Desk, part: ConnectionPart, adapter: type[Adapter], existing: Connection | None
) -> dict[str, Secret]:
    auth = adapter.api_key()
    if auth is None:
        return {}
    given = str(part.options.get(auth.field) or "")
    if not given.strip():
        is_stored = existing is not None and existing.sign_in == SignIn.API_KEY
        if not is_stored and not _is_broken(part, auth.field):
            other = ", nor `client_id` and `client_secret` to sign in with" if adapter.oauth() else ""
            message = f"{part.called} has no `{auth.field}`: the {auth.label} of {adapter.label}{other}"
            desk.wrong(part, message, auth.field)
        return {}
    key = auth.clean(given)
    if fault := auth.fault(key):
        desk.wrong(part, f"{part.called}: {fault}", auth.field)
    return {auth.field: Secret(key)}


def _is_broken(part: ConnectionPart, name: str) -> bool:
    """Whether the document gives it by something unreadable, which was told already."""
    return (name,) in part.lines and name not in part.options


def _has_app(adapter: type[Adapter], existing: Connection | None) -> bool:
    own: Mapping[str, Secret] = stored(existing) if existing is not None else {}
    return "client_id" in own or adapter.key in settings.OAUTH_APPS
