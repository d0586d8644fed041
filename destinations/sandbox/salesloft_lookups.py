"""What people and accounts refer to at Salesloft: users, stages, tiers, custom fields; and who one is.

`GET /me`, `/team`, `/users`, `/custom_fields`, `/person_stages`, `/account_stages`, `/account_tiers`.
"""

from collections.abc import Iterable

from destinations.sandbox.faults import Faults
from destinations.sandbox.salesloft_answers import data, forbidden, paging, unprocessable
from destinations.sandbox.salesloft_fields import COMPANY, PERSON, Entity, Known
from destinations.sandbox.salesloft_lists import Asked, page_of
from destinations.sandbox.salesloft_shown import (
    OTHER_TEAM_ID,
    TEAM_ID,
    choice_json,
    custom_field_json,
    team_json,
    user_json,
)
from destinations.sandbox.salesloft_state import ACCOUNTS, App, SalesloftState, User
from destinations.sandbox.server import Answer

CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-secret"
FIELD_TYPES = (PERSON, COMPANY, "opportunity")
VALUE_TYPES = ("text", "date")
CHOICES = {
    "person_stage": ("New", "Working", "Customer", "Bad Data"),
    "account_stage": ("Prospect", "Customer"),
    "account_tier": ("Tier 1", "Tier 2"),
}
USERS = (
    ("Sally", "Sandbox", "sally@sandbox.example", True, TEAM_ID),
    ("Olivia", "Owner", "olivia@sandbox.example", True, TEAM_ID),
    ("Oliver", "Owner", "oliver@sandbox.example", True, TEAM_ID),
    ("Ida", "Inactive", "ida@sandbox.example", False, TEAM_ID),
    ("Nora", "Neighbour", "nora@another.example", True, OTHER_TEAM_ID),
)
CUSTOM_FIELDS = (
    (PERSON, "Plan", "text"),
    (PERSON, "Renewal Date", "date"),
    (PERSON, "Lead Source", "text"),
    (COMPANY, "Tier", "text"),
    (COMPANY, "Customer Since", "date"),
)


def set_up(state: SalesloftState, scopes: Iterable[str], now: float) -> None:
    """Store what a new team has."""
    for kind, names in CHOICES.items():
        for name in names:
            state.save_choice(kind, name, now=now)
    for first_name, last_name, email, active, team_id in USERS:
        state.save_user(first_name, last_name, email, active=active, team_id=team_id)
    for field_type, name, value_type in CUSTOM_FIELDS:
        state.save_custom_field(field_type, name, value_type, now=now)
    state.save_app(App(CLIENT_ID, CLIENT_SECRET, "", tuple(scopes)))


class Lookups:
    """What is listed, kept in memory until `changed`."""

    def __init__(self, state: SalesloftState, faults: Faults) -> None:
        self._state = state
        self._faults = faults
        self.changed()

    def changed(self) -> None:
        """Read anew; called after a user, a choice or a custom field was changed."""
        self._users = {each.id: each for each in self._state.users()}
        self._custom = {(each.field_type, each.name): each for each in self._state.custom_fields()}
        self._choices = {kind: self._state.choices(kind) for kind in CHOICES}
        self._founded_at = float(self._state.setting("founded") or 0)

    @property
    def first_user(self) -> int:
        """Who the API keys act for."""
        return min(self._users)

    def _team_of(self, user_id: int) -> int:
        return self._users[user_id].team_id

    def known(self, entity: Entity) -> Known:
        """What a body may refer to now. An owner must be active (assumed)."""
        owners = frozenset(
            each.id for each in self._users.values() if each.active and each.team_id == TEAM_ID
        )
        links = {
            "owner_id": owners,
            "person_stage_id": frozenset(each.id for each in self._choices["person_stage"]),
            "company_stage_id": frozenset(each.id for each in self._choices["account_stage"]),
            "account_tier_id": frozenset(each.id for each in self._choices["account_tier"]),
        }
        return Known(
            links=links,
            custom=self._custom,
            has_account=lambda id: bool(self._state.records(ACCOUNTS, "id", [id])),
            ignores_unknown_custom_fields=self._faults.flag("unknown_custom_fields"),
            replaces_custom_fields=self._faults.flag("custom_fields_replace"),
            allows_duplicates=self._faults.flag("duplicates"),
            needs_name_and_domain=self._faults.flag("account_needs_both"),
            longest_text=int(self._faults.number("longest_text")),
        )

    # The endpoints

    def me(self, user_id: int) -> Answer:
        return data(user_json(self._users[user_id], self._founded_at))

    def team(self, user_id: int) -> Answer:
        return data(team_json(self._team_of(user_id), self._founded_at))

    def users(self, query: Asked, user_id: int) -> Answer:
        """Users by id, in pages only where one is asked for, the inactive only with `visible_only=false`."""
        found = [each for each in self._users.values() if each.team_id == self._team_of(user_id)]
        if query.last("visible_only", "true").lower() != "false":
            found = [each for each in found if each.active]
        if active := query.last("active").lower():
            if active not in ("true", "false"):
                raise unprocessable({"active": ["is invalid"]})
            found = [each for each in found if each.active == (active == "true")]
        if "ids" in query.parts:
            found = [each for each in found if str(each.id) in query.values("ids")]
        words = query.last("search").lower().split()
        found = [each for each in found if all(_holds(each, word) for word in words)]
        found.sort(key=lambda each: each.id, reverse=query.last("sort_direction", "DESC").upper() != "ASC")
        rows = [user_json(each, self._founded_at) for each in found]
        return self._paged(rows, query, always="page" in query.parts)

    def custom_fields(self, query: Asked) -> Answer:
        if not self._faults.flag("custom_fields_listed"):
            raise forbidden("Custom fields may not be listed with this token")
        kind = query.last("field_type")
        if kind and kind not in FIELD_TYPES:
            raise unprocessable({"field_type": ["is not included in the list"]})
        found = [each for each in self._custom.values() if kind in ("", each.field_type)]
        return self._paged([custom_field_json(each) for each in found], query)

    def choices(self, kind: str, query: Asked) -> Answer:
        found = [choice_json(each, order) for order, each in enumerate(self._choices[kind], 1)]
        return self._paged(found, query)

    def _paged(self, rows: list[dict[str, object]], query: Asked, *, always: bool = True) -> Answer:
        if not always:
            return data(rows, {})
        page = page_of(query)
        shown, more = rows[page.offset : page.offset + page.size], len(rows) > page.offset + page.size
        total = len(rows) if query.flag("include_paging_counts") else None
        return data(shown, paging(page.number, page.size, more=more, total=total))


def _holds(user: User, word: str) -> bool:
    return any(word in text.lower() for text in (user.first_name, user.last_name, user.email))
