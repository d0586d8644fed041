"""Salesloft's sign-in: the page where people allow an app, and the endpoint for its tokens.

The page is at `GET /oauth/authorize`, the endpoint at `POST /oauth/token` with its parameters in the body, as
JSON or as a form. Each refresh revokes the older refresh tokens of the same sign-in. Source: Salesloft's
page on OAuth; the statuses of errors are those of Doorkeeper, which the bodies look like.
"""

import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from destinations.sandbox.answers import Refused, json_answer, parsed
from destinations.sandbox.clock import Clock
from destinations.sandbox.faults import Faults, Switch
from destinations.sandbox.page import choice_of, shown, whole
from destinations.sandbox.salesloft_shown import TEAM_NAMES
from destinations.sandbox.salesloft_state import App, Code, SalesloftState, Token
from destinations.sandbox.server import Answer, Request

GROUP = "Sign-in"
SWITCHES = (
    Switch("token_seconds", "How long an access token lives, in seconds", "seconds", 7200.0, GROUP),
    Switch("code_seconds", "How long an authorization code lives, in seconds", "seconds", 600.0, GROUP),
    Switch("refresh_ends_access", "A refresh also ends the older access tokens", "flag", False, GROUP),
    Switch("sends_context", "The way back carries `context`", "flag", True, GROUP),
)
CONTEXT = "sandbox"
_ADDRESS = re.compile(r"https?://[^\s/?#;'\"]+([/?][^\s'\"]*)?")
_GRANT_ERRORS = {
    "invalid_grant": "The provided authorization grant is invalid, expired, revoked, does not match the "
    "redirection URI used in the authorization request, or was issued to another client.",
    "invalid_client": "Client authentication failed due to unknown client, no client authentication "
    "included, or unsupported authentication method.",
    "invalid_request": "The request is missing a required parameter, or is otherwise malformed.",
    "unsupported_grant_type": "The authorization grant type is not supported by the authorization server.",
}


class SignIn:
    """The sign-in of one team's service."""

    def __init__(self, state: SalesloftState, faults: Faults, clock: Clock) -> None:
        self._state = state
        self._faults = faults
        self._clock = clock

    def answer(self, request: Request) -> Answer:
        """Answer a request below `/oauth/`."""
        match request.method, request.path:
            case "GET", "/oauth/authorize":
                return self._ask(dict(parse_qsl(request.query)))
            case "POST", "/oauth/authorize":
                return self._decide(request)
            case "POST", "/oauth/token":
                return self._grant(request)
        return _page(404, "<h1>There is no such page</h1>")

    def token(self, access: str) -> Token | None:
        """What an access token stands for; None where it is unknown, expired or revoked."""
        found = self._state.token("access", access)
        is_good = found is not None and not found.access_revoked and found.expires_at > self._clock.now()
        return found if is_good else None

    # The page

    def _ask(self, query: Mapping[str, str]) -> Answer:
        app, problem = self._app(query)
        if app is None:
            return _page(400, f"<h1>This app cannot ask</h1><p>{shown(problem)}</p>")
        people = [
            (str(user.id), f"{user.name} ({TEAM_NAMES[user.team_id]})")
            for user in self._state.users()
            if user.active
        ]
        scopes = "".join(f"<li><code>{shown(scope)}</code></li>" for scope in app.scopes)
        # The form goes to the address it came from, with the query that the app has sent.
        html = (
            f"<h1>Salesloft sandbox: sign in</h1><p>The app <code>{shown(app.client_id)}</code> asks to "
            f"act for you at the sandbox. Nothing leaves this server.</p><ul>{scopes}</ul>"
            f'<form method="post" class="forms">{choice_of("Sign in as", "user_id", people)}'
            '<button name="allow" value="yes">Sign in and allow</button>'
            '<button name="allow" value="no">Refuse</button></form>'
        )
        return _page(200, html, to=query["redirect_uri"])

    def _decide(self, request: Request) -> Answer:
        query, form = dict(parse_qsl(request.query)), dict(parse_qsl(request.body.decode("utf-8", "replace")))
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return _page(400, "<h1>This came from a page of another site</h1>")
        app, problem = self._app(query)
        user = next((each for each in self._state.users() if str(each.id) == form.get("user_id")), None)
        if app is None:
            return _page(400, f"<h1>This app cannot ask</h1><p>{shown(problem)}</p>")
        back = {"state": query["state"]} if "state" in query else {}
        if form.get("allow") != "yes" or user is None:
            refused = {
                "error": "access_denied",
                "error_description": "The resource owner denied the request.",
            }
            return _back(query["redirect_uri"], {**refused, **back})
        code = Code(
            code=secrets.token_hex(32),
            client_id=app.client_id,
            redirect_uri=query["redirect_uri"],
            user_id=user.id,
            scopes=app.scopes,
            expires_at=self._clock.now() + self._faults.number("code_seconds"),
        )
        self._state.save_code(code)
        context = {"context": CONTEXT} if self._faults.flag("sends_context") else {}
        scopes = {"scope": " ".join(app.scopes)}
        return _back(query["redirect_uri"], {"code": code.code, **context, **scopes, **back})

    def _app(self, query: Mapping[str, str]) -> tuple[App | None, str]:
        """The app that asks, or why it may not: then nobody is sent anywhere."""
        app = self._state.apps().get(query.get("client_id", ""))
        address = query.get("redirect_uri", "")
        if app is None:
            return None, "Its client id is unknown."
        if not _ADDRESS.fullmatch(address):
            return None, "Its redirect_uri is no address."
        if app.redirect_uri and address != app.redirect_uri:
            return None, "Its redirect_uri is not the one that the app is registered with."
        if query.get("response_type") != "code":
            return None, "Its response_type is not “code”."
        return app, ""

    # The endpoint

    def _grant(self, request: Request) -> Answer:
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        if kind == "application/json":
            body = parsed(request.body)
        elif kind == "application/x-www-form-urlencoded":
            body = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        else:
            body = None
        if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
            raise _refused("invalid_request")
        app = self._state.apps().get(body.get("client_id", ""))
        secret = body.get("client_secret", "")
        if app is None or not hmac.compare_digest(app.secret.encode(), secret.encode()):
            raise _refused("invalid_client", 401)
        with self._state.transaction():
            match body.get("grant_type"):
                case "authorization_code":
                    return self._exchanged(app, body)
                case "refresh_token":
                    return self._refreshed(app, body)
        raise _refused("unsupported_grant_type")

    def _exchanged(self, app: App, body: Mapping[str, Any]) -> Answer:
        code = self._state.use_code(body.get("code", ""))
        if (
            code is None
            or code.client_id != app.client_id
            or code.redirect_uri != body.get("redirect_uri")
            or code.expires_at <= self._clock.now()
        ):
            return _refused("invalid_grant").answer  # not raised: the code is used up all the same
        return self._issued(app, grant_id=0, user_id=code.user_id, scopes=code.scopes)

    def _refreshed(self, app: App, body: Mapping[str, Any]) -> Answer:
        old = self._state.token("refresh", body.get("refresh_token", ""))
        if old is None or old.client_id != app.client_id or old.refresh_revoked:
            raise _refused("invalid_grant")
        ends_access = self._faults.flag("refresh_ends_access")
        self._state.revoke(old.grant_id, access=ends_access, refresh=True)
        return self._issued(app, grant_id=old.grant_id, user_id=old.user_id, scopes=old.scopes)

    def _issued(self, app: App, *, grant_id: int, user_id: int, scopes: tuple[str, ...]) -> Answer:
        now, seconds = self._clock.now(), self._faults.number("token_seconds")
        token = Token(
            id=0,
            grant_id=grant_id,
            access=secrets.token_hex(32),
            refresh=secrets.token_hex(32),
            client_id=app.client_id,
            user_id=user_id,
            scopes=scopes,
            created_at=now,
            expires_at=now + seconds,
            access_revoked=False,
            refresh_revoked=False,
        )
        self._state.save_token(token)
        body = {
            "access_token": token.access,
            "token_type": "bearer",
            "expires_in": round(seconds),
            "refresh_token": token.refresh,
            "scope": " ".join(scopes),
            "created_at": int(now),
        }
        return json_answer(200, body, {"Cache-Control": "no-store"})


def _refused(error: str, status: int = 400) -> Refused:
    return Refused(status, {"error": error, "error_description": _GRANT_ERRORS[error]})


def _back(address: str, query: Mapping[str, str]) -> Answer:
    """Send the browser back to the app."""
    joint = "&" if urlsplit(address).query else "?"
    headers = {"Location": f"{address}{joint}{urlencode(query)}", "Cache-Control": "no-store"}
    return Answer(302, content_type="text/html; charset=utf-8", headers=headers)


def _page(status: int, body: str, *, to: str = "") -> Answer:
    """A page of the sign-in. `to` is where its form may lead in the end."""
    place = urlsplit(to)
    leads_to = f" {place.scheme}://{place.netloc}" if to else ""
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
        f"form-action 'self'{leads_to}; base-uri 'none'; frame-ancestors 'none'",
        "Cache-Control": "no-store",
    }
    html = whole("Salesloft sandbox: sign in", f"<main>{body}</main>")
    return Answer(status, html.encode(), "text/html; charset=utf-8", headers)
