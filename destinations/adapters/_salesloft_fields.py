"""The fields of Salesloft's people and accounts: those that every team has, and what a team adds to them.

Fields that take values: developers.salesloft.com/docs/api/people-create and …/accounts-create; fields that
are only shown: …/people-show and …/accounts-show (read 26 August 2026).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from destinations.adapters._salesloft_api import Api, Params, id_of, text_of
from destinations.contract import JSON, Field, Kind, Option
from destinations.errors import Cause, Misconfigured

CUSTOM = "custom_fields."
INACTIVE = "is inactive in Salesloft"
CRM_HELP = (
    "Exactly 18 characters, of {what} in Salesforce. Needs the scope {scope}, which Salesloft gives on "
    "request."
)
SENIORITIES = {
    "executive": "Executive",
    "vice_president": "Vice president",
    "director": "Director",
    "manager": "Manager",
    "individual_contributor": "Individual contributor",
    "unknown": "Unknown",
}
RESTRICTIONS = {"call": "No calls", "email": "No e-mails", "message": "No messages"}
SALESFORCE = (Option("salesforce", "Salesforce"),)


@dataclass(frozen=True, slots=True)
class Listed:
    """A list whose entries a field takes: `what` in words, `scope` where it is known which one it needs."""

    path: str
    what: str
    params: Params = ()
    scope: str = ""


LISTS = {
    "owner_id": Listed("/users", "users", (("visible_only", "false"),), "team:read"),
    "person_stage_id": Listed("/person_stages", "person stages"),
    "company_stage_id": Listed("/account_stages", "account stages"),
    "account_tier_id": Listed("/account_tiers", "account tiers"),
}


def _texts(**labels: str) -> tuple[Field, ...]:
    return tuple(Field(key, label, Kind.TEXT) for key, label in labels.items())


def _phones(**labels: str) -> tuple[Field, ...]:
    return tuple(Field(key, label, Kind.PHONE) for key, label in labels.items())


def _options(labels: Mapping[str, str]) -> tuple[Option, ...]:
    return tuple(Option(value, label) for value, label in labels.items())


_ID = Field(
    "id",
    "Salesloft ID",
    Kind.NUMBER,
    help="The number in the record's address in Salesloft. Only as the key; left out beside another one.",
)
_TAGS = Field("tags", "Tags", Kind.TEXT_LIST, help="Salesloft takes the list as all tags of the record.")
_IMPORT = Field("import_id", "Import ID", Kind.NUMBER, help="Marks people as one batch in Salesloft.")

# The seeds first, in the order in which the mapping opens with them.
PEOPLE = (
    Field("email_address", "Email address", Kind.EMAIL),
    *_texts(first_name="First name", last_name="Last name"),
    Field("phone", "Phone", Kind.PHONE),
    *_texts(title="Title", city="City", state="State", country="Country", linkedin_url="LinkedIn URL"),
    Field(
        "person_company_name",
        "Company name",
        Kind.TEXT,
        help="A text on the person. It links to no account: the account ID does.",
    ),
    *_phones(mobile_phone="Mobile phone", home_phone="Home phone"),
    *_texts(phone_extension="Phone extension"),
    Field("secondary_email_address", "Secondary email address", Kind.EMAIL),
    Field("personal_email_address", "Personal email address", Kind.EMAIL),
    Field("job_seniority", "Job seniority", Kind.PICKLIST, _options(SENIORITIES)),
    *_texts(
        person_company_website="Company website",
        person_company_industry="Company industry",
        work_city="Work city",
        work_state="Work state",
        work_country="Work country",
        twitter_handle="Twitter handle",
        personal_website="Personal website",
    ),
    Field("locale", "Time zone", Kind.TEXT, help="The name of a time zone, such as US/Eastern."),
    Field(
        "account_id",
        "Account ID",
        Kind.NUMBER,
        help="Salesloft's number of the person's account, which must be there: sync accounts first.",
    ),
    Field("owner_id", "Owner", Kind.PICKLIST),
    Field("person_stage_id", "Person stage", Kind.PICKLIST),
    Field(
        "do_not_contact",
        "Do not contact",
        Kind.BOOLEAN,
        help="True stops calls and e-mails and takes the person out of all cadences. Never cleared by us.",
    ),
    Field(
        "contact_restrictions",
        "Contact restrictions",
        Kind.TEXT_LIST,
        _options(RESTRICTIONS),
        help="A list of call, email and message: what Salesloft must not use. The whole list is written.",
    ),
    _TAGS,
    Field(
        "autotag_date",
        "Tag with the date",
        Kind.BOOLEAN,
        help="True tags a new person with the day. Only in mode insert; other modes leave it out.",
    ),
    _IMPORT,
    Field(
        "crm_id",
        "CRM ID",
        Kind.TEXT,
        help=CRM_HELP.format(what="a lead (00Q…) or contact (003…)", scope="crm_id_person:write"),
    ),
    Field("crm_id_type", "CRM", Kind.PICKLIST, SALESFORCE, help="Sent by itself where a CRM ID is."),
    _ID,
)
ACCOUNTS = (
    Field("name", "Name", Kind.TEXT, help="An account that is not there yet needs a name and a domain."),
    Field("domain", "Domain", Kind.DOMAIN),
    *_texts(description="Description"),
    Field("phone", "Phone", Kind.PHONE),
    *_texts(
        website="Website",
        linkedin_url="LinkedIn URL",
        street="Street",
        city="City",
        state="State",
        country="Country",
        industry="Industry",
        company_type="Company type",
        conversational_name="Conversational name",
        postal_code="Postal code",
        size="Size",
        founded="Founded",
        revenue_range="Revenue range",
    ),
    Field("twitter_handle", "Twitter handle", Kind.TEXT, help="With the @ sign."),
    Field("locale", "Time zone", Kind.TEXT, help="The name of a time zone, such as US/Eastern."),
    Field("owner_id", "Owner", Kind.PICKLIST),
    Field("company_stage_id", "Account stage", Kind.PICKLIST),
    Field("account_tier_id", "Account tier", Kind.PICKLIST),
    Field(
        "do_not_contact",
        "Do not contact",
        Kind.BOOLEAN,
        help="True takes all people of the account out of all active communication. Never cleared by us.",
    ),
    _TAGS,
    Field("archived", "Archived", Kind.BOOLEAN, help="Only in mode update; other modes leave it out."),
    Field(
        "crm_id",
        "CRM ID",
        Kind.TEXT,
        help=CRM_HELP.format(what="an account (001…)", scope="crm_id_account:write"),
    ),
    Field("crm_id_type", "CRM", Kind.PICKLIST, SALESFORCE, help="Sent by itself where a CRM ID is."),
    _ID,
)
STANDARD = {"people": PEOPLE, "accounts": ACCOUNTS}

ITSELF = "is set by Salesloft itself"
COUNTED = "is counted by Salesloft itself"
BY_CRM = "comes from the CRM that is connected with Salesloft"


def _shown(why: str, **fields: tuple[str, Kind]) -> tuple[Field, ...]:
    return tuple(Field(key, label, kind, read_only=why) for key, (label, kind) in fields.items())


_OF_BOTH = (
    *_shown(
        ITSELF,
        created_at=("Created at", Kind.DATETIME),
        updated_at=("Updated at", Kind.DATETIME),
        last_contacted_at=("Last contacted at", Kind.DATETIME),
        last_contacted_type=("Last contacted by what", Kind.TEXT),
    ),
    *_shown(
        BY_CRM,
        crm_url=("CRM URL", Kind.TEXT),
        crm_object_type=("CRM object type", Kind.TEXT),
    ),
)
# Not with STANDARD, of which all is sent. Whether eu_resident and owner_crm_id take values is not published.
ONLY_SHOWN = {
    "people": (
        *_shown(
            ITSELF,
            display_name=("Display name", Kind.TEXT),
            full_email_address=("Full email address", Kind.TEXT),
            last_replied_at=("Last replied at", Kind.DATETIME),
            bouncing=("Bouncing", Kind.BOOLEAN),
            untouched=("Untouched", Kind.BOOLEAN),
            starred=("Starred", Kind.BOOLEAN),
            locale_utc_offset=("Time zone's offset", Kind.NUMBER),
        ),
        *_shown(COUNTED, success_count=("Success count", Kind.NUMBER)),
        *_OF_BOTH,
    ),
    "accounts": (*_shown(ITSELF, archived_at=("Archived at", Kind.DATETIME)), *_OF_BOTH),
}
FIELD_TYPES = {"people": "person", "accounts": "company"}
LABELS = {field.key: field.label for field in (*ACCOUNTS, *PEOPLE)}

PEOPLE_SEEDS = tuple(field.key for field in PEOPLE[:10])
ACCOUNT_SEEDS = tuple(field.key for field in ACCOUNTS[:12])


def label_of(key: str) -> str:
    """A field's name as people read it, whether we know it or not."""
    if key.startswith(CUSTOM):
        return key.removeprefix(CUSTOM)
    return LABELS.get(key) or key.replace("_", " ").strip().capitalize()


def all_fields(api: Api, object_key: str) -> list[Field]:
    """The standard fields, with the team's own choices, the team's custom fields, and those only shown."""
    return [*_standard(api, object_key), *custom_fields(api, object_key), *ONLY_SHOWN[object_key]]


def custom_fields(api: Api, object_key: str) -> list[Field]:
    """The team's custom fields by name; none where Salesloft does not list them to us."""
    params = (("field_type", FIELD_TYPES[object_key]), ("sort_by", "name"), ("sort_direction", "ASC"))
    found: dict[str, Field] = {}
    for one in _listed(api, "/custom_fields", params) or ():
        name = one.get("name")
        if not isinstance(name, str) or not name.strip():
            continue
        # A filter that Salesloft does not know is ignored, so that another object's fields would come.
        if one.get("field_type", FIELD_TYPES[object_key]) != FIELD_TYPES[object_key]:
            continue
        kind = Kind.DATE if one.get("value_type") == "date" else Kind.TEXT
        found.setdefault(name, Field(CUSTOM + name, name, kind, custom=True, group="Custom fields"))
    return list(found.values())


def _standard(api: Api, object_key: str) -> Iterator[Field]:
    for field in STANDARD[object_key]:
        yield _with_choices(api, field, LISTS[field.key]) if field.key in LISTS else field


def _with_choices(api: Api, field: Field, listed: Listed) -> Field:
    """The field as a picklist of what the team has; a plain number where we may not read that."""
    entries = _listed(api, listed.path, listed.params)
    if entries is None:
        reason = (
            f"With the scope {listed.scope} their e-mail addresses and names will do, too."
            if listed.scope
            else "Salesloft does not list them to this sign-in."
        )
        what = f"The number of one of Salesloft's {listed.what}."
        return replace(field, kind=Kind.NUMBER, help=f"{what} {reason}")
    options = tuple(_users(entries) if listed.path == "/users" else _named(entries))
    if not options:
        return replace(field, kind=Kind.NUMBER, help=f"Salesloft lists no {listed.what}; take the number.")
    helps = "An e-mail address, a name or the number of a user." if listed.path == "/users" else ""
    return replace(field, options=options, help=helps)


def _named(entries: list[Mapping[str, JSON]]) -> Iterator[Option]:
    """Entries that rows may hold by number or by name."""
    for one in entries:
        value, name = id_of(one), text_of(one, "name")
        if value:
            yield Option(value, name or value, aliases=(name,) if name else ())


def _users(entries: list[Mapping[str, JSON]]) -> Iterator[Option]:
    """Users that rows may hold by number, e-mail address or name. Pages tell those of one name apart."""
    names = Counter(text_of(one, "name").casefold() for one in entries)
    for one in entries:
        value, name, email = id_of(one), text_of(one, "name"), text_of(one, "email")
        if not value:
            continue
        label = name or email or value
        if name and names[name.casefold()] > 1:
            label = f"{name} ({email or value})"
        aliases = tuple(dict.fromkeys(word for word in (email, name) if word))
        yield Option(value, label, aliases, closed=INACTIVE if one.get("active") is False else "")


def _listed(api: Api, path: str, params: Params) -> list[Mapping[str, JSON]] | None:
    """All entries of a list, each once; None where we may not read it, or there is none."""
    found: dict[str, Mapping[str, JSON]] = {}
    try:
        for page in api.pages(path, params):
            before = len(found)
            for at, one in enumerate(page):
                found.setdefault(id_of(one) or f"{before}-{at}", one)
            if len(found) == before:
                break  # the same page again: this list has no pages
    except Misconfigured as error:
        if error.cause in (Cause.PERMISSION, Cause.NOT_FOUND):
            return None
        raise
    return list(found.values())
