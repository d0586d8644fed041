"""Forty columns as people export them from a CRM or a warehouse, and the fields that they belong to.

Several of them are traps: they look like a field and are something else, or there is no field for them.
"""

from collections.abc import Sequence
from typing import NamedTuple

from destinations.adapters._salesloft_fields import CUSTOM, ONLY_SHOWN, PEOPLE
from destinations.contract import Field, Kind, Option
from syncs.forms.sync_suggestions import Candidate

NOWHERE = ("",)


class Expected(NamedTuple):
    """A column, and the fields that are right in Qualified and in Salesloft; "" stands for none of them."""

    column: Candidate
    qualified: tuple[str, ...]
    salesloft: tuple[str, ...]


def _of(
    name: str,
    type: str,
    samples: Sequence[str],
    qualified: tuple[str, ...] = NOWHERE,
    salesloft: tuple[str, ...] = NOWHERE,
) -> Expected:
    return Expected(Candidate(name, type, tuple(samples)), qualified, salesloft)


COLUMNS = (
    _of("contact_id", "number", ["48213", "48214", "51002"]),
    _of("sfdc_contact_id", "text", ["0035g00000XyZabAAF", "0035g00000XyZacAAF"], salesloft=("crm_id", "")),
    _of("work_email", "text", ["anna.k@acme.de", "b.roy@lumen.fr"], ("email",), ("email_address",)),
    _of(
        "email_privat",
        "text",
        ["anna99@gmail.com", "benroy@orange.fr"],
        ("Secondary_Email__c", ""),
        ("personal_email_address",),
    ),
    _of("vorname", "text", ["Anna", "Benoît", "Çelik"], ("first_name",), ("first_name",)),
    _of("nachname", "text", ["Kühn", "Roy", "Aydın"], ("last_name",), ("last_name",)),
    _of("anrede", "text", ["Frau", "Herr"]),
    _of("full_name", "text", ["Anna Kühn", "Benoît Roy"], ("name",)),
    _of("fonction", "text", ["Directrice commerciale", "VP Sales"], ("title",), ("title",)),
    _of("seniority", "text", ["Director", "Manager", "Executive"], NOWHERE, ("job_seniority",)),
    _of("phone", "text", ["+49 30 9018 2033", "+33 1 70 18 99 00"], ("phone",), ("phone",)),
    _of("company_phone", "text", ["+49 30 9018 2000", "+33 1 70 18 99 99"]),
    _of("mobile", "text", ["+49 171 5550123", "+33 6 12 34 56 78"], NOWHERE, ("mobile_phone",)),
    _of("mail_opt_in", "boolean", ["true", "false"], ("Marketing_Opt_In__c",)),
    _of("do_not_call", "boolean", ["false", "true"]),
    _of(
        "company_name",
        "text",
        ["Acme GmbH", "Lumen SARL"],
        ("company", "company.name"),
        ("person_company_name",),
    ),
    _of(
        "company_domain",
        "text",
        ["acme.de", "lumen.fr"],
        ("company.domain",),
        ("", "person_company_website"),
    ),
    _of(
        "website",
        "text",
        ["https://www.acme.de/", "https://lumen.fr"],
        ("company.website",),
        ("person_company_website",),
    ),
    _of("branche", "text", ["Software", "Energy"], ("company.industry",), ("person_company_industry",)),
    _of("num_employees", "number", ["250", "1200", "8"], ("company.employee_count",)),
    _of("annual_rev_eur", "number", ["1250000", "98000000"], ("company.annual_revenue",)),
    _of("street", "text", ["Hauptstr. 12", "7 rue Pasteur"]),
    _of("zip", "text", ["10117", "75011"]),
    _of("ville", "text", ["Berlin", "Paris"], ("", "company.city"), ("city",)),
    _of("bundesland", "text", ["Berlin", "Bayern"], NOWHERE, ("state",)),
    _of("country_code", "text", ["DE", "FR", "TR"], ("country",), ("country",)),
    _of("billing_country", "text", ["Germany", "France"], ("company.billing_country",)),
    _of("lead_score", "number", ["12", "87", "40"], ("Lead_Score__c",), (CUSTOM + "Lead Score",)),
    _of("lifecycle_stage", "text", ["mql", "customer", "lead"], ("Lifecycle_Stage__c",)),
    _of("owner_email", "text", ["rep1@ours.example", "rep2@ours.example"], NOWHERE, ("owner_id",)),
    _of("created_at", "datetime", ["2024-02-11T08:00:00Z", "2025-07-01T10:31:07Z"]),
    _of("last_activity_at", "datetime", ["2026-10-30T17:12:44Z", "2026-11-02T09:00:00Z"]),
    _of(
        "linkedin_profile_url",
        "text",
        ["https://www.linkedin.com/in/annakuehn", "https://linkedin.com/in/broy"],
        NOWHERE,
        ("linkedin_url",),
    ),
    _of("tz", "text", ["Europe/Berlin", "Europe/Paris"], NOWHERE, ("locale",)),
    _of("notes", "text", ["Met at the fair", "Call again in May"], ("Notes__c",)),
    _of("interests", "list", ['["pricing","api"]', '["security"]'], ("Interests__c",)),
    _of("tags", "list", ['["trial"]', '["vip","eu"]'], NOWHERE, ("tags",)),
    _of("account_id", "text", ["0015g00000QrStUAAV", "0015g00000QrStVAAV"]),
    _of("acct_tier", "text", ["A", "B", "C"], ("company.Account_Tier__c",)),
    _of("is_target_account", "boolean", ["true", "false"], ("company.Target_Account__c",)),
)

# Another team's names: a warehouse that shouts and shortens, with a mark before each column.
SHOUTED = (
    _of("C_CONTACT_KEY", "number", ["1001", "1002"]),
    _of("C_EMAIL_ADDR", "text", ["ann@acme.test", "bo@acme.test"], ("email",), ("email_address",)),
    _of("C_FNAME", "text", ["Ann", "Bo"], ("first_name",), ("first_name",)),
    _of("C_LNAME", "text", ["Lee", "Ash"], ("last_name",), ("last_name",)),
    _of("C_TEL_NO", "text", ["+1 415 555 0100", "+1 415 555 0101"], ("phone",), ("phone",)),
    _of("C_FAX_NO", "text", ["+1 415 555 0199", "+1 415 555 0198"]),
    _of("C_JOB_TITLE_TXT", "text", ["VP", "CTO"], ("title",), ("title",)),
    _of("C_ORG_NM", "text", ["Acme", "Bolt"], ("company", "company.name"), ("person_company_name",)),
    _of("C_CTRY_CD", "text", ["US", "GB", "DE"], ("country",), ("country",)),
    _of("C_CITY", "text", ["Oslo", "Rome"], ("", "company.city"), ("city",)),
    _of("C_EMAIL_HASH", "text", ["9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d", "1b9d6bcdbbfd4b2d9b5dab8dfbbd4bed"]),
    _of("C_EMAIL_BOUNCED_FLG", "boolean", ["false", "true"]),
    _of("C_UPD_TS", "datetime", ["2026-01-01T00:00:00Z"]),
    _of("C_LANG_CD", "text", ["EN", "DE", "FR"]),
    _of("C_MGR_EMAIL", "text", ["boss@acme.test", "chief@acme.test"]),
    _of("C_LEAD_SCR", "number", ["10", "20"], ("Lead_Score__c",), (CUSTOM + "Lead Score",)),
    _of("C_STATUS", "text", ["open", "closed"]),
    _of("C_NBR_EMP", "number", ["10", "9000"], ("company.employee_count",)),
    _of("C_PARENT_COMPANY", "text", ["Holding", "Group"]),
    _of("C_UTM_SOURCE", "text", ["google", "bing"]),
)


def _choices(*values: str) -> tuple[Option, ...]:
    return tuple(Option(value, value.capitalize()) for value in values)


def _in_qualified() -> list[Field]:
    own = [
        Field("email", "Email", Kind.EMAIL, required=True),
        Field("first_name", "First Name", Kind.TEXT),
        Field("last_name", "Last Name", Kind.TEXT),
        Field("name", "Full Name", Kind.TEXT),
        Field("title", "Title", Kind.TEXT),
        Field("phone", "Phone", Kind.PHONE),
        Field("company", "Company", Kind.TEXT),
        Field("country", "Country", Kind.TEXT),
        Field("Secondary_Email__c", "Secondary Email", Kind.EMAIL, custom=True),
        Field("Lead_Score__c", "Lead Score", Kind.NUMBER, custom=True),
        Field(
            "Lifecycle_Stage__c",
            "Lifecycle Stage",
            Kind.PICKLIST,
            _choices("subscriber", "lead", "mql", "sql", "opportunity", "customer"),
            custom=True,
        ),
        Field("Marketing_Opt_In__c", "Marketing Opt-In", Kind.BOOLEAN, custom=True),
        Field("Notes__c", "Notes", Kind.TEXT, custom=True),
        Field("Interests__c", "Interests", Kind.TEXT_LIST, custom=True),
        Field("Products_Owned__c", "Products Owned", Kind.TEXT_LIST, custom=True),
    ]
    companys = [
        ("domain", "Company domain", Kind.DOMAIN, ()),
        ("name", "Company name", Kind.TEXT, ()),
        ("industry", "Industry", Kind.PICKLIST, _choices("software", "finance", "energy", "other")),
        ("employee_count", "Employee Count", Kind.NUMBER, ()),
        ("annual_revenue", "Annual Revenue", Kind.NUMBER, ()),
        ("website", "Website", Kind.TEXT, ()),
        ("city", "City", Kind.TEXT, ()),
        ("billing_country", "Billing Country", Kind.TEXT, ()),
        ("description", "Description", Kind.TEXT, ()),
        ("Account_Tier__c", "Account Tier", Kind.PICKLIST, _choices("A", "B", "C")),
        ("Target_Account__c", "Target Account", Kind.BOOLEAN, ()),
    ]
    return own + [
        Field(f"company.{key}", label, kind, options, group="Company")
        for key, label, kind, options in companys
    ]


def _in_salesloft() -> list[Field]:
    users = (
        Option("3", "Rep One", ("rep1@ours.example", "Rep One")),
        Option("4", "Rep Two", ("rep2@ours.example", "Rep Two")),
    )
    stages = (Option("1", "Approaching", ("Approaching",)), Option("2", "Customer", ("Customer",)))
    lists = {"owner_id": users, "person_stage_id": stages}
    listed = [
        Field(one.key, one.label, one.kind, lists.get(one.key, one.options), help=one.help) for one in PEOPLE
    ]
    custom = [
        Field(CUSTOM + "Lead Score", "Lead Score", Kind.TEXT, custom=True, group="Custom fields"),
        Field(CUSTOM + "Renewal Date", "Renewal Date", Kind.DATE, custom=True, group="Custom fields"),
    ]
    return [*listed, *custom, *ONLY_SHOWN["people"]]


QUALIFIED, SALESLOFT = _in_qualified(), _in_salesloft()
