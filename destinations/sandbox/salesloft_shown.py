"""People, accounts and what they refer to, as Salesloft shows them."""

from typing import Any

from destinations.sandbox.salesloft_answers import link, moment
from destinations.sandbox.salesloft_fields import ACCOUNT_ENTITY, PEOPLE_ENTITY, Entity
from destinations.sandbox.salesloft_job_state import MISSING, Job, JobRow
from destinations.sandbox.salesloft_state import Choice, CustomField, Record, User

TEAM_ID = 4100
OTHER_TEAM_ID = 4200
TEAM_NAMES = {TEAM_ID: "Sandbox Sales", OTHER_TEAM_ID: "Another Team"}

_PERSON_UNSET: dict[str, Any] = dict.fromkeys(sorted(PEOPLE_ENTITY.texts - {"crm_id_type"})) | {
    "crm_object_type": None,
    "crm_url": None,
    "eu_resident": False,
    "do_not_contact": False,
    "bouncing": False,
    "starred": False,
    "untouched": True,
    "success_count": 0,
    "locale_utc_offset": None,
    "owner_crm_id": None,
    "last_contacted_at": None,
    "last_contacted_by": None,
    "last_contacted_type": None,
    "last_replied_at": None,
    "last_completed_step": None,
    "last_completed_step_cadence": None,
    "most_recent_cadence": None,
    "cadences": [],
    "contact_restrictions": [],
    "tags": [],
    "custom_fields": {},
    "counts": {
        "calls": 0,
        "emails_bounced": 0,
        "emails_clicked": 0,
        "emails_replied_to": 0,
        "emails_sent": 0,
        "emails_viewed": 0,
    },
}
_ACCOUNT_UNSET: dict[str, Any] = dict.fromkeys(sorted(ACCOUNT_ENTITY.texts - {"crm_id_type"})) | {
    "crm_object_type": None,
    "crm_url": None,
    "do_not_contact": False,
    "creator": None,
    "owner_crm_id": None,
    "last_contacted_at": None,
    "last_contacted_by": None,
    "last_contacted_person": None,
    "last_contacted_type": None,
    "tags": [],
    "custom_fields": {},
    "user_relationships": {},
    "counts": {"people": 0},
}
_HIDDEN = {"crm_id_type", "archived_at"}


def record_json(entity: Entity, record: Record) -> dict[str, Any]:
    """A person or an account. Linked records are objects with an id, not the fields they are written by."""
    fields = {k: v for k, v in record.fields.items() if k not in _HIDDEN and k not in entity.links}
    times = {"created_at": moment(record.created_at), "updated_at": moment(record.updated_at)}
    held = record.fields
    if entity is ACCOUNT_ENTITY:
        return {
            "id": record.id,
            **_ACCOUNT_UNSET,
            **fields,
            **times,
            "archived_at": moment(held.get("archived_at")),
            "owner": link("users", held.get("owner_id")),
            "company_stage": link("account_stages", held.get("company_stage_id")),
            "account_tier": link("account_tiers", held.get("account_tier_id")),
        }
    name = " ".join(filter(None, (held.get("first_name"), held.get("last_name"))))
    email = held.get("email_address")
    return {
        "id": record.id,
        **_PERSON_UNSET,
        **fields,
        **times,
        "display_name": name or email,
        "full_email_address": f'"{name}" <{email}>' if name and email else email,
        "account": link("accounts", held.get("account_id")),
        "owner": link("users", held.get("owner_id")),
        "person_stage": link("person_stages", held.get("person_stage_id")),
        "import": link("imports", held.get("import_id")),
    }


def user_json(user: User, created_at: float) -> dict[str, Any]:
    return {
        "id": user.id,
        "guid": f"00000000-0000-4000-8000-{user.id:012d}",
        "name": user.name,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "full_email_address": f'"{user.name}" <{user.email}>',
        "active": user.active,
        "team_admin": True,
        "time_zone": "US/Eastern",
        "job_role": None,
        "role": None,
        "team": link("team", user.team_id),
        "created_at": moment(created_at),
        "updated_at": moment(created_at),
    }


def team_json(team_id: int, created_at: float) -> dict[str, Any]:
    return {
        "id": team_id,
        "name": TEAM_NAMES[team_id],
        "plan": "enterprise",
        "group_privacy_setting": "all_public",
        "deactivated": False,
        "created_at": moment(created_at),
        "updated_at": moment(created_at),
    }


def custom_field_json(definition: CustomField) -> dict[str, Any]:
    at = moment(definition.created_at)
    return {
        "id": definition.id,
        "name": definition.name,
        "field_type": definition.field_type,
        "value_type": definition.value_type,
        "created_at": at,
        "updated_at": at,
    }


def choice_json(choice: Choice, order: int) -> dict[str, Any]:
    at = moment(choice.created_at)
    return {"id": choice.id, "name": choice.name, "order": order, "created_at": at, "updated_at": at}


def job_json(job: Job) -> dict[str, Any]:
    """A bulk job. `started_at` is null until it is done, as the description says."""
    return {
        "id": job.id,
        "name": job.name,
        "type": job.type,
        "state": job.state,
        "ready_to_execute": job.ready_at is not None,
        "total": job.total,
        "processed": job.processed,
        "errors": job.errors,
        "scopes": sorted(job.scopes),
        "created_at": moment(job.created_at),
        "updated_at": moment(job.updated_at),
        "marked_ready_at": moment(job.ready_at),
        "started_at": moment(job.ready_at) if job.finished_at is not None else None,
        "finished_at": moment(job.finished_at),
    }


def job_row_json(row: JobRow, people: dict[int, Record]) -> dict[str, Any]:
    """A row of a job with the record as it was sent; `people` holds what came of the rows."""
    resource = None
    if row.resource_id in people:
        person = record_json(PEOPLE_ENTITY, people[row.resource_id])
        resource = {"person": person, "upsert_type": row.upsert_type}
    status = "success" if row.status == MISSING else row.status
    return {"id": row.id, "status": status, "error": row.error, "record": row.record, "resource": resource}
