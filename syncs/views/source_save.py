"""Saving a source from its form: nobody overwrites what somebody else saved meanwhile without knowing."""

from django.db import IntegrityError, transaction
from django.http import Http404

from syncs.forms.sources import SourceForm
from syncs.models import Source


def save(found: Source, form: SourceForm) -> bool:
    """Save the source, whose form is valid. False where the form now says why not; its input is kept."""
    try:
        with transaction.atomic():
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
            found.save()
    except IntegrityError:
        form.add_error("name", "The team already has a source with this name.")
        return False
    return True
