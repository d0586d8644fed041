"""Salesloft: people and accounts, through the REST API v2.

Docs:   https://developers.salesloft.com/docs/api/ (read 26 August 2026)
Sign in: …/docs/platform/api-basics/oauth-authentication/ and …/api-key-authentication/
Limits: …/docs/platform/api-basics/rate-limits/: 600 "cost" a minute for all tools of the team together
Bulk:   …/docs/platform/bulk-jobs/example-flow/

Quirks:
- An upsert without `upsert_key` only tries to create. Its answer holds the record a level deeper.
- An unknown filter is ignored: what a look-up finds must carry the key that was asked for.
- The email address is no unique key where the team allows duplicates: an upsert then fails.
- Writes know no idempotency key. An insert whose answer was lost can only be looked up.
- The reference lists name and domain as required for every write of an account, its newer pages only for a
  create. So an upsert may go without a name, and is refused where it would have to create.
- A 401 is the answer on every path, existing or not, while the sign-in is bad.
- A bulk job tells the IDs of its records only row by row in its results: they are read where asked for.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import ceil

from destinations import contract
from destinations.adapters import _salesloft_answers as answers
from destinations.adapters import _salesloft_fields as known
from destinations.adapters import _salesloft_finds as finds
from destinations.adapters import _salesloft_jobs as jobs
from destinations.adapters import _salesloft_writes as writes
from destinations.adapters._salesloft_api import PER_PAGE, Api, id_of, record_in, text_of, unreadable
from destinations.adapters._salesloft_problems import PROBLEMS, STEPS
from destinations.adapters._salesloft_records import ID
from destinations.advanced import usual
from destinations.auth import ApiKey, OAuth
from destinations.contract import (
    JSON,
    Call,
    Field,
    Found,
    Identity,
    Limits,
    Mode,
    ObjectType,
    Outcome,
    Packing,
    Pending,
    Scope,
    Setting,
    Target,
    Window,
)
from destinations.errors import Cause, ContractBroken, Misconfigured

EVERY_MODE = frozenset(Mode)
JOB_RECORDS = 5_000  # an upload takes no more
JOB_BYTES = 4_000_000  # unpublished
JOB_REQUESTS = 12  # created, filled, begun, looked at some times, its results read
SINGLES = 25  # calls of one record each that are stored and settled together
BULK_FROM = 201
APPS = "https://accounts.salesloft.com/oauth/applications"
NEEDED = "people:read, people:write, accounts:read, accounts:write, cadences:read and cadences:write"
NO_ID_YET = "Salesloft gives a record its ID when it is created."
BY_ID = {
    (Mode.UPSERT, ID): (ID,),
    (Mode.UPDATE, ID): (ID,),
}


class Adapter(contract.Adapter):
    key = "salesloft"
    label = "Salesloft"
    base_url = "https://api.salesloft.com"
    docs_url = "https://developers.salesloft.com/docs/api/"
    auths = (
        OAuth(
            label="Connect with OAuth",
            host="https://accounts.salesloft.com",
            authorize_path="/oauth/authorize",
            token_path="/oauth/token",  # noqa: S106 - a path
            host_setting="sign_in_url",
            app_url=APPS,
            app_steps=(
                "Sign in to Salesloft, open Your Applications › OAuth Applications and choose Create New.",
                "Give the app a name, such as Syncadmin, and the redirect URI {redirect}, exactly so.",
                f"Tick the scopes {NEEDED}; team:read as well, if owners are to be named by e-mail address.",
                "Save it, and copy the Application Id (the client ID) and the Secret into this installation.",
            ),
        ),
        ApiKey(where="Salesloft › Your Applications › API Keys"),
    )
    limits = Limits(
        windows=(Window(600, answers.WINDOW_SECONDS),),
        concurrency=16,
        default_concurrency=4,
        operations_per_call=JOB_RECORDS,
        bytes_per_call=JOB_BYTES,
        timeout_seconds=60,
        settle_seconds=60,
        poll_seconds=(2, 15),
        poll_deadline_seconds=7_200,
        watched_seconds=frozenset({answers.WINDOW_SECONDS}),
    )
    objects = (
        ObjectType(
            key="people",
            label="People",
            upsert_keys=("email_address", ID),
            modes=EVERY_MODE,
            required={
                **BY_ID,
                (Mode.UPSERT, "email_address"): ("email_address",),
                (Mode.UPDATE, "email_address"): ("email_address",),
                (Mode.INSERT, "email_address"): ("email_address",),
            },
            seeds=known.PEOPLE_SEEDS,
            finds={"email_address": finds.KEYS, ID: finds.KEYS},
            remote_id_key=ID,
            missing_keys={(Mode.INSERT, ID): NO_ID_YET},
            open_prefix=known.CUSTOM,
            note="A person belongs to an account by the account ID: sync accounts first.",
        ),
        ObjectType(
            key="accounts",
            label="Accounts",
            upsert_keys=("domain", ID),
            modes=EVERY_MODE,
            required={
                **BY_ID,
                (Mode.UPSERT, "domain"): ("domain",),
                (Mode.UPDATE, "domain"): ("domain",),
                (Mode.INSERT, "domain"): ("name", "domain"),
            },
            seeds=known.ACCOUNT_SEEDS,
            finds={"domain": 1, ID: finds.KEYS},
            remote_id_key=ID,
            missing_keys={(Mode.INSERT, ID): NO_ID_YET},
            open_prefix=known.CUSTOM,
            note="A new account needs a name and a domain; without a name only those are changed that exist.",
        ),
    )
    settings = (
        *(
            replace(
                one,
                label="Records per bulk job",
                help=f"At most {JOB_RECORDS:,}, as an upload takes no more. Single calls carry one record.",
            )
            if one.key == "batch_size"
            else replace(
                one, help="Over all syncs of the account. Salesloft publishes no limit; keep it small."
            )
            if one.key == "concurrency"
            else one
            for one in usual(base_url, limits)
        ),
        Setting(
            "sign_in_url",
            "Sign-in URL",
            kind="url",
            default="https://accounts.salesloft.com",
            help="Another address for Connect with OAuth, or that of a sandbox.",
            names_account=True,
        ),
        Setting(
            "bulk_from",
            "Use bulk jobs from (people)",
            kind="integer",
            default=BULK_FROM,
            help="So many people to upsert go out as bulk jobs, fewer one at a time. A very large number "
            "switches bulk jobs off.",
            minimum=2,
            maximum=1_000_000_000,
        ),
        Setting(
            "bulk_ids",
            "Keep IDs after bulk jobs",
            kind="choice",
            default="no",
            help="A request more for each hundred people. A person whose ID is known moves along when the "
            "e-mail address changes; else the new address makes a new person, and the former one stays.",
            choices=("no", "yes"),
        ),
    )
    scopes = (
        Scope("people:read", "to look people up before they are updated, and after an answer was lost"),
        Scope("people:write", "to create and update people, one at a time and in bulk jobs"),
        Scope("accounts:read", "to look accounts up before they are updated, and after an answer was lost"),
        Scope("accounts:write", "to create and update accounts"),
        Scope("cadences:read", "for cadences, which no sync uses yet: then nobody has to sign in anew"),
        Scope("cadences:write", "to put people into cadences, likewise later"),
        Scope(
            "team:read",
            "to let rows name an owner by e-mail address or name; without it they take Salesloft's numbers",
            optional=True,
        ),
    )
    setup_steps = (
        "Choose a Salesloft user who may see and change all records that you want to write: the API acts as "
        "this user.",
        "To connect with OAuth, sign in at Salesloft as this user when asked, and allow the access.",
        f"Or open Your Applications at {APPS}, choose API Keys › Create New and give the key a name, such as "
        "Syncadmin.",
        f"Tick the scopes {NEEDED}; team:read as well, if owners are to be named by e-mail address or name.",
        "Copy the key at once: it is shown only this one time. Paste it here and test the connection.",
        "Create the custom fields that you want to fill in Salesloft, if they are not there yet.",
    )
    remedies = answers.REMEDIES
    problems = PROBLEMS
    steps = STEPS
    refusal = staticmethod(answers.refusal)
    meter = staticmethod(answers.meter)

    @classmethod
    def packings(cls, target: ObjectType, mode: Mode, settings: Mapping[str, JSON]) -> tuple[Packing, ...]:
        """Bulk jobs are confirmed for upserts of people alone."""
        single = Packing(1, SINGLES)
        size = cls.limits_for(settings).operations_per_call
        if target.key != "people" or mode is not Mode.UPSERT or size < 2:
            return (single,)
        least = max(2, settings.get("bulk_from") or BULK_FROM)
        pages = ceil(size / PER_PAGE) if settings.get("bulk_ids") == "yes" else 0
        return (Packing(size, size, least=least, requests=JOB_REQUESTS + pages), single)

    def check(self) -> Identity:
        """Ask who we are, and read a little of all that we may have to read. Writes nothing."""
        missing: list[str] = []
        notes: list[str] = []
        me = self._read("/me", notes) or {}
        team = self._read("/team", notes) or {}
        its = me.get("team")
        account_id = id_of(team) or (id_of(its) if isinstance(its, Mapping) else "")
        if name := text_of(me, "name"):
            email = text_of(me, "email")
            notes.insert(0, f"Connected as {name}{f' ({email})' if email else ''}.")
        if team.get("deactivated") is True:
            missing.append("The team is deactivated in Salesloft. An admin of Salesloft must activate it.")
        if me.get("active") is False:
            missing.append(
                "The connection's user is deactivated in Salesloft. An admin must connect as another."
            )
        if team.get("group_privacy_setting") == "group_public" and me.get("team_admin") is not True:
            notes.append(
                "Of records that are private to a group, only those of this user's group are reached."
            )
        for path in ("/people", "/accounts"):
            missing += self._may_read(path)
        if self._may_read("/users"):
            notes.append(
                "Without the scope team:read owners cannot be named by e-mail address or name: rows must "
                "hold Salesloft's numbers."
            )
        if self._may_read("/custom_fields"):
            notes.append(
                "Salesloft does not list custom fields to this sign-in. They can be mapped by typing "
                f"{known.CUSTOM} and their name."
            )
        notes.append("Whether it may write shows in the first run: Salesloft does not tell before.")
        return Identity(account_id, text_of(team, "name"), tuple(missing), tuple(notes))

    def fields(self, target: ObjectType) -> list[Field]:
        return known.all_fields(self._api, target.key)

    def find(self, target: Target, call: Call) -> list[Found]:
        return finds.find(self._api, target, call.operations)

    def send(self, target: Target, call: Call) -> list[Outcome] | Pending:
        """One record in one call; many people to upsert in a bulk job."""
        if len(call.operations) == 1:
            return [writes.write(self._api, target, call.operations[0])]
        modes = {operation.mode for operation in call.operations}
        if target.object.key != "people" or modes != {Mode.UPSERT}:
            raise ContractBroken("Salesloft takes many records in one call only to upsert people.")
        return jobs.create(self._api, call)

    def advance(self, target: Target, call: Call, state: Mapping[str, JSON]) -> list[Outcome] | Pending:
        return jobs.advance(self._api, target, call, state, keeps_ids=self.options["bulk_ids"] == "yes")

    def leave(self, target: Target, call: Call, state: Mapping[str, JSON]) -> list[Outcome] | Pending:
        return jobs.leave(self._api, call, state)

    @property
    def _api(self) -> Api:
        return Api(self.client, str(self.options["base_url"]))

    def _read(self, path: str, notes: list[str]) -> Mapping[str, JSON] | None:
        """The one record at a path; None, and a note, where this sign-in may not read it."""
        reply = self._api.get(path, read=(403,))
        if reply.status >= 400:
            notes.append(f"Salesloft does not let this sign-in read {path}, so that less is known of it.")
            return None
        return record_in(reply.json) or unreadable(path)

    def _may_read(self, path: str) -> list[str]:
        """What is missing to read a list; nothing where it can be read."""
        try:
            self._api.get(path, (("per_page", "1"), ("page", "1")))
        except Misconfigured as error:
            if error.cause is not Cause.PERMISSION:
                raise
            return [error.message]
        return []
