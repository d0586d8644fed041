"""Saving a source from its form: nobody overwrites what somebody else saved meanwhile without knowing."""

from django.db import IntegrityError, transaction
from django.http import Http404

from syncadmin.lib.crypto import Secret, UnreadableSecret
from syncadmin.lib.shown import without_secrets
from syncadmin.teams import audit
from syncadmin.teams.audit import Action
from syncs.forms.sources import SourceForm
from syncs.models import Source


def save(found: Source, form: SourceForm) -> bool:
    """Save the source, whose form is valid. False where the form now says why not; its input is kept."""
    try:
        with transaction.atomic():
            stored = None
            if found.pk:
                now = Source.objects.select_for_update().filter(pk=found.pk).first()
                if now is None:
                    raise Http404
                if now.updated_at.isoformat() != form.cleaned_data["seen_at"]:
                    form.add_error(
                        None,
                        "Somebody else changed this source while you had it open. Nothing is saved yet. Look "
                        "at it in another window; saving again puts what stands here in its place.",
                    )
                    form.see(now)
                    return False
                stored = now
            found.save()
            _record(stored, found)
    except IntegrityError:
        form.add_error("name", "The team already has a source with this name.")
        return False
    return True


def _record(stored: Source | None, found: Source) -> None:
    """Write the save into the audit log; of credentials only that they were replaced."""
    if stored is None:
        audit.record(None, found.team, Action.SOURCE_MADE, found, after=_told(found))
        return
    before, after = audit.changed(_told(stored), _told(found))
    if _secrets_of(stored) != _secrets_of(found):
        after["replaced_credentials"] = True
    if before or after:
        audit.record(None, found.team, Action.SOURCE_CHANGED, found, before=before, after=after)


def _told(source: Source) -> dict[str, object]:
    return {
        "name": source.name,
        "kind": source.kind,
        "time_zone": source.time_zone,
        "settings": without_secrets(source.options),
    }


def _secrets_of(source: Source) -> dict[str, Secret] | None:
    """None where no key of now fits them any more."""
    try:
        return source.credentials
    except UnreadableSecret:
        return None
