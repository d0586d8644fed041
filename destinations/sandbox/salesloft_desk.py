"""The desk of the look-alike of Salesloft: people, accounts and jobs to look at, and a team to change."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from destinations.sandbox import page
from destinations.sandbox.clock import iso
from destinations.sandbox.desk import Desk, Form, Listing, Rows, scopes_of, text
from destinations.sandbox.salesloft_fields import match_key
from destinations.sandbox.salesloft_lookups import CHOICES, FIELD_TYPES, VALUE_TYPES
from destinations.sandbox.salesloft_shown import TEAM_ID
from destinations.sandbox.salesloft_state import ACCOUNTS, PEOPLE, App, Record, Token

if TYPE_CHECKING:
    from destinations.sandbox.salesloft import Salesloft

SHOWN_TOKENS = 20


class SalesloftDesk(Desk):
    clear_label = "Forget people, accounts and jobs"
    service: "Salesloft"

    def __init__(self, service: "Salesloft") -> None:
        super().__init__(service)
        self.actions |= {
            "custom_fields": self._save_custom_field,
            "custom_fields/remove": self._remove_custom_field,
            "users": self._save_user,
            "choices": self._save_choice,
            "apps": self._save_app,
            "tokens/revoke": self._revoke,
        }

    def more(self) -> dict[str, Any]:
        state, budget = self.service.state, self.service.limits
        spent, refused = budget.spent
        return {
            "budget": {"spent": spent, "remaining": budget.remaining, "refused": refused},
            "custom_fields": [
                {"field_type": each.field_type, "name": each.name, "value_type": each.value_type}
                for each in state.custom_fields()
            ],
            "users": [
                {"id": each.id, "name": each.name, "email": each.email, "active": each.active}
                for each in state.users()
                if each.team_id == TEAM_ID
            ],
            "choices": {
                kind: [{"id": each.id, "name": each.name} for each in state.choices(kind)] for kind in CHOICES
            },
            "apps": [
                {"client_id": each.client_id, "redirect_uri": each.redirect_uri, "scopes": each.scopes}
                for each in state.apps().values()
            ],
            "tokens": [self._told(each) for each in state.tokens(limit=SHOWN_TOKENS)],
        }

    def _told(self, token: Token) -> dict[str, Any]:
        """A token without its secrets."""
        is_old = token.expires_at <= self.service.clock.now()
        return {
            "grant": token.grant_id,
            "client_id": token.client_id,
            "user_id": token.user_id,
            "created_at": iso(token.created_at),
            "expires_at": iso(token.expires_at),
            "access": "revoked" if token.access_revoked else "expired" if is_old else "good",
            "refresh": "revoked" if token.refresh_revoked else "good",
        }

    def facts(self) -> Mapping[str, object]:
        spent, refused = self.service.limits.spent
        return {"Budget left": self.service.limits.remaining, "Spent": spent, "Refused": refused}

    # The page

    def parts(self) -> Iterable[tuple[str, str, str]]:
        state = self.service.state
        fields = page.table(
            "The custom fields of the team. Names are case-sensitive.",
            ("Of", "Name", "Type", "Remove"),
            [
                (
                    each.field_type,
                    page.code(each.name),
                    each.value_type,
                    page.remove(
                        "custom_fields/remove", each.name, field_type=each.field_type, name=each.name
                    ),
                )
                for each in state.custom_fields()
            ],
        )
        add_field = page.form(
            "custom_fields",
            page.choice("Of", "field_type", FIELD_TYPES)
            + page.line("Name", "name", required=True)
            + page.choice("Type", "value_type", VALUE_TYPES)
            + "<button>Add or change field</button>",
        )
        yield "custom-fields", "Custom fields", f"{fields}<p></p>{add_field}"
        yield "team", "Team", self._team()
        yield "sign-in", "Sign-in", self._sign_in()

    def _team(self) -> str:
        state = self.service.state
        users = page.table(
            "Users, who can be owners.",
            ("Id", "Name", "E-mail", "Active"),
            [
                (str(each.id), page.shown(each.name), page.shown(each.email), "yes" if each.active else "no")
                for each in state.users()
                if each.team_id == TEAM_ID
            ],
        )
        add_user = page.form(
            "users",
            page.line("First name", "first_name", required=True)
            + page.line("Last name", "last_name", required=True)
            + page.line("E-mail", "email", required=True)
            + page.choice("Active", "active", ("yes", "no"))
            + "<button>Add or change user</button>",
        )
        choices = page.table(
            "Stages and tiers.",
            ("Id", "Kind", "Name"),
            [
                (str(each.id), kind.replace("_", " "), page.shown(each.name))
                for kind in CHOICES
                for each in state.choices(kind)
            ],
        )
        add_choice = page.form(
            "choices",
            page.choice("Kind", "kind", CHOICES)
            + page.line("Name", "name", required=True)
            + "<button>Add stage or tier</button>",
        )
        return f"{users}<p></p>{add_user}{choices}<p></p>{add_choice}"

    def _sign_in(self) -> str:
        state = self.service.state
        apps = page.table(
            "OAuth applications. Without a redirect URI any is taken.",
            ("Client id", "Secret", "Redirect URI", "Scopes"),
            [
                (
                    page.code(each.client_id),
                    page.code(each.secret),
                    page.shown(each.redirect_uri or "any"),
                    page.shown(", ".join(each.scopes)),
                )
                for each in state.apps().values()
            ],
        )
        add_app = page.form(
            "apps",
            page.line("Client id", "client_id", required=True)
            + page.line("Secret", "secret", required=True)
            + page.line("Redirect URI", "redirect_uri")
            + f"{page.boxes(self.service.scopes)} <button>Save application</button>",
        )
        columns = ("grant", "client_id", "user_id", "created_at", "expires_at", "access", "refresh")
        tokens = page.table(
            "The latest tokens. Those of one sign-in have the same number.",
            ("Sign-in", "Client id", "User", "Made at", "Expires at", "Access", "Refresh", "Revoke"),
            [
                (
                    *(page.shown(self._told(each)[column]) for column in columns),
                    page.remove(
                        "tokens/revoke", f"sign-in {each.grant_id}", label="Revoke", grant=str(each.grant_id)
                    ),
                )
                for each in state.tokens(limit=SHOWN_TOKENS)
            ],
        )
        revoke_all = page.form("tokens/revoke", "<button>Revoke all tokens</button>")
        return f"{apps}<p></p>{add_app}{tokens}<p></p>{revoke_all}"

    def listings(self) -> tuple[Listing, ...]:
        people = ("id", "match_key", "fields", "updated_at", "write_count")
        jobs = ("id", "name", "state", "fate", "total", "processed", "errors", "created_at", "finished_at")
        return (
            Listing("people", "People", people, self._people, "email", "E-mail"),
            Listing("accounts", "Accounts", people, self._accounts, "domain", "Domain"),
            Listing("jobs", "Jobs", jobs, self._jobs),
        )

    def _people(self, searched: str, limit: int) -> Rows:
        return self._records(PEOPLE, searched, limit)

    def _accounts(self, searched: str, limit: int) -> Rows:
        return self._records(ACCOUNTS, searched, limit)

    def _records(self, table: str, searched: str, limit: int) -> Rows:
        state = self.service.state
        if searched:
            return [_row(each) for each in state.records(table, "match_key", [match_key(searched)])]
        return [_row(each) for each in state.found(table, "1", (), order="id DESC", limit=limit, offset=0)]

    def _jobs(self, searched: str, limit: int) -> Rows:
        """The latest jobs, newest first."""
        return [
            asdict(job)
            | {
                "scopes": sorted(job.scopes),
                "created_at": iso(job.created_at),
                "finished_at": None if job.finished_at is None else iso(job.finished_at),
            }
            for job in self.service.state.jobs(limit=limit)
        ]

    # What can be done

    def _save_custom_field(self, form: Form) -> None:
        field_type, value_type = text(form, "field_type"), text(form, "value_type")
        if field_type not in FIELD_TYPES:
            raise ValueError(f"field_type must be one of {', '.join(FIELD_TYPES)}.")
        if value_type not in VALUE_TYPES:
            raise ValueError(f"value_type must be one of {', '.join(VALUE_TYPES)}.")
        now = self.service.clock.now()
        self.service.state.save_custom_field(field_type, text(form, "name"), value_type, now=now)
        self.service.lookups.changed()

    def _remove_custom_field(self, form: Form) -> None:
        self.service.state.remove_custom_field(text(form, "field_type"), text(form, "name"))
        self.service.lookups.changed()

    def _save_user(self, form: Form) -> None:
        active = str(form.get("active", "yes")).lower() in {"yes", "true", "on", "1"}
        self.service.state.save_user(
            text(form, "first_name"),
            text(form, "last_name"),
            text(form, "email"),
            active=active,
            team_id=TEAM_ID,
        )
        self.service.lookups.changed()

    def _save_choice(self, form: Form) -> None:
        kind = text(form, "kind")
        if kind not in CHOICES:
            raise ValueError(f"kind must be one of {', '.join(CHOICES)}.")
        self.service.state.save_choice(kind, text(form, "name"), now=self.service.clock.now())
        self.service.lookups.changed()

    def _save_app(self, form: Form) -> None:
        redirect_uri = str(form.get("redirect_uri") or "").strip()
        scopes = tuple(scopes_of(form, self.service.scopes))
        self.service.state.save_app(App(text(form, "client_id"), text(form, "secret"), redirect_uri, scopes))

    def _revoke(self, form: Form) -> None:
        """End a sign-in by its number (`grant`), or all of them: access and refresh tokens."""
        grant = str(form.get("grant") or "0")
        if not grant.isdecimal():
            raise ValueError("grant must be the number of a sign-in.")
        self.service.state.revoke(int(grant), access=True, refresh=True)


def _row(record: Record) -> dict[str, Any]:
    return asdict(record) | {"created_at": iso(record.created_at), "updated_at": iso(record.updated_at)}
