"""A CSV file as a source: uploaded, replaced by a newer one, removed with the source."""

import shutil
from collections.abc import Sequence
from pathlib import Path, PurePath
from uuid import uuid4

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from syncadmin.teams.access import TeamRequest
from syncs.forms.sources import SourceForm, UploadForm
from syncs.models import Source
from syncs.sources import uploads
from syncs.sources.base import SourceError
from syncs.views.source_health import Tested, Unreachable, note, quick_reader, test
from syncs.views.source_models import tell_models
from syncs.views.source_save import save
from syncs.views.way_back import way_back

LONGEST_NAME = 100
SHOWN_COLUMNS = 8
NAMELESS = "What your team calls it. Left empty, it is called like the file."


def upload(request: TeamRequest, found: Source) -> HttpResponse:
    """Add a file, or change its name and zone and replace the file by a newer one."""
    is_new = found.pk is None
    if request.method != "POST":
        form = SourceForm(team=request.team, instance=found)
        if is_new:
            form.fields["name"].help_text = NAMELESS
        return _show(request, found, form, UploadForm())
    data = request.POST.copy()
    given = request.FILES.get("file")
    if is_new and given is not None and not data.get("name", "").strip():
        data["name"] = PurePath(given.name or "").stem[:LONGEST_NAME]
    form = SourceForm(data, team=request.team, instance=found)
    if is_new:
        form.fields["name"].help_text = NAMELESS
        form.fields["name"].required = given is not None  # without a file there is enough to say
    file = UploadForm(request.POST, request.FILES)
    file.fields["file"].required = is_new
    if not all([form.is_valid(), file.is_valid()]):
        return _show(request, found, form, file)
    if given is None:
        return _done(request, found) if save(found, form) else _show(request, found, form, file)
    before = [] if is_new else _columns(found)
    old = folder_of(found)
    found.options = {"path": str(uuid4())}
    folder: Path = settings.UPLOADS_DIR / found.options["path"]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    uploads.mark(folder)
    file.keep(folder)
    tested = test(found)
    note(found, tested)
    if not tested.is_good:
        file.add_error("file", tested.message)
    if tested.is_good and old is not None:
        uploads.mark(old)
    if not tested.is_good or not save(found, form):
        shutil.rmtree(folder, ignore_errors=True)
        if old is not None:
            uploads.unmark(old)
        return _show(request, found, form, file)
    uploads.unmark(folder)
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)
    return _done(request, found, tested, gone=[name for name in before if name not in _columns(found)])


def remove_folder(found: Source) -> None:
    """Remove what was uploaded for a source that is no more."""
    folder = folder_of(found)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def folder_of(found: Source) -> Path | None:
    """The folder of the source's file; None where there is none yet."""
    name = str(found.options.get("path") or "")
    if not name or PurePath(name).name != name or name in (".", ".."):
        return None
    folder: Path = settings.UPLOADS_DIR / name
    return folder


def _show(request: TeamRequest, found: Source, form: SourceForm, file: UploadForm) -> HttpResponse:
    context = {
        "section": "sources",
        "source": found,
        "name": Source.objects.values_list("name", flat=True).get(pk=found.pk) if found.pk else "",
        "form": form,
        "file": file,
        "has_lost_file": bool(request.FILES),
        "next": way_back(request),
    }
    return render(request, "syncs/sources/upload.html", context)


def _done(
    request: TeamRequest, found: Source, tested: Tested | None = None, *, gone: Sequence[str] = ()
) -> HttpResponse:
    messages.success(request, f"{found.name} is saved. {tested.message if tested else ''}".strip())
    if gone:
        more = f" and {len(gone) - SHOWN_COLUMNS:,} more" if len(gone) > SHOWN_COLUMNS else ""
        messages.warning(
            request,
            f"The file before had columns that this one has not: {', '.join(gone[:SHOWN_COLUMNS])}{more}. "
            "Models that read them do not work until a file has them again.",
        )
    if tested is not None:
        tell_models(request, found)
    own = reverse("source", args=[request.team.slug, found.public_id])
    return redirect(way_back(request) or own)


def _columns(found: Source) -> list[str]:
    """The columns of the file as it is now; none where it cannot be read."""
    try:
        reader = quick_reader(found)
        return [column.name for table in reader.tables()[:1] for column in reader.describe(table.sql)]
    except (SourceError, Unreachable):
        return []
