"""Sources: their list, a source's page; adding, changing, testing and removing one."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from destinations.contract import JSON
from syncadmin.lib.paging import newest_first
from syncadmin.lib.shown import without_secrets
from syncadmin.teams import audit
from syncadmin.teams.access import Can, TeamRequest, needs
from syncs.configuration.goals import stored
from syncs.forms.sources import AddressForm, ReaderForm, SourceForm
from syncs.models import QueryModel, Source
from syncs.sources import registry, uploads
from syncs.sources.base import Reader, SourceError, Table
from syncs.sources.duckdb import Upload
from syncs.sources.postgres import Postgres
from syncs.views import typed_secrets
from syncs.views.source_health import Tested, Unreachable, kind_label, note, tables, test, test_again
from syncs.views.source_models import tell_models
from syncs.views.source_save import save
from syncs.views.source_uploads import folder_of, remove_folder, upload
from syncs.views.way_back import way_back

SHOWN_MODELS = 10
SHOWN_TABLES = 200
KINDS = {
    Postgres.key: "A PostgreSQL database, or one that speaks like it. Syncadmin only ever reads.",
    "duckdb": "CSV, Parquet, JSON or DuckDB files that lie in the files folder of this installation.",
    Upload.key: "One CSV file from your computer, up to 50 MB. A newer one can replace it later.",
}


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    value: JSON


@dataclass(frozen=True, slots=True)
class Offered:
    """What can be picked in a source; `problem` says why nothing can."""

    tables: tuple[Table, ...] = ()
    more_count: int = 0
    problem: str = ""


@needs(Can.LOOK)
def sources(request: TeamRequest) -> HttpResponse:
    """The team's sources, the newest first."""
    found = Source.objects.filter(team=request.team).annotate(model_count=Count("models"))
    query = request.GET.get("q", "").strip()
    if query:
        found = found.filter(name__icontains=query)
    page = newest_first(found, request.GET)
    for source in page.objects:
        source.label = kind_label(source.kind)  # type: ignore[attr-defined]
        source.word = source.health_reason.partition("\n")[0]  # type: ignore[attr-defined]
    return render(request, "syncs/sources/list.html", {"section": "sources", "page": page, "query": query})


@needs(Can.LOOK)
def source(request: TeamRequest, source: UUID) -> HttpResponse:
    """A source: whether it works, what can be picked there, who reads it."""
    found = _get(request, source)
    models = QueryModel.objects.filter(source=found).order_by("name")
    context = {
        "section": "sources",
        "source": found,
        "label": kind_label(found.kind),
        "is_upload": found.kind == Upload.key,
        "sentences": found.health_reason.splitlines(),
        "facts": _facts(found),
        "has_secret": any(stored(found).values()),
        "offered": _offered(found),
        "models": models[:SHOWN_MODELS],
        "model_count": models.count(),
    }
    return render(request, "syncs/sources/source.html", context)


@needs(Can.SOURCES)
def source_add(request: TeamRequest) -> HttpResponse:
    """What kind of source?"""
    kinds = [(key, kind_label(key), words) for key, words in KINDS.items()]
    return render(
        request, "syncs/sources/add.html", {"section": "sources", "kinds": kinds, "next": way_back(request)}
    )


@needs(Can.SOURCES)
def source_add_kind(request: TeamRequest, kind: str) -> HttpResponse:
    """Add a source of this kind."""
    if kind not in registry.readers():
        raise Http404
    if kind == Upload.key:
        return upload(request, Source(team=request.team, kind=kind))
    return _form(request, Source(team=request.team, kind=kind))


@needs(Can.SOURCES)
def source_edit(request: TeamRequest, source: UUID) -> HttpResponse:
    """Change a source. An uploaded file is replaced here too."""
    found = _get(request, source)
    if found.kind not in registry.readers():
        raise Http404
    return upload(request, found) if found.kind == Upload.key else _form(request, found)


@needs(Can.SOURCES)
@require_POST
def source_test(request: TeamRequest, source: UUID) -> HttpResponse:
    """Test it again; the page tells the answer."""
    found = _get(request, source)
    tell(request, test_again(found))
    return redirect("source", request.team.slug, found.public_id)


@needs(Can.SOURCES)
def source_remove(request: TeamRequest, source: UUID) -> HttpResponse:
    """Remove a source that no model reads, after asking."""
    found = _get(request, source)
    models = QueryModel.objects.filter(source=found).order_by("name")
    if request.method == "POST" and _remove(found):
        messages.success(request, f"{found.name} is removed.")
        return redirect("sources", request.team.slug)
    context = {
        "section": "sources",
        "source": found,
        "models": models[:SHOWN_MODELS],
        "model_count": models.count(),
    }
    return render(request, "syncs/sources/remove.html", context)


def tell(request: TeamRequest, tested: Tested) -> None:
    """The answer of a test as a message; its page shows the warnings."""
    if tested.is_good:
        messages.success(request, f"It works. {tested.message}")
    else:
        messages.error(request, f"It does not work. {tested.message}")


def _form(request: TeamRequest, found: Source) -> HttpResponse:
    """The form of a source that is reached by settings: filled in, tested, saved."""
    reader = registry.get(found.kind)
    place = str(found.public_id) if found.pk else found.kind
    typed = typed_secrets.recall(request, place) if request.method == "POST" else {}
    known = stored(found)
    if request.method != "POST":
        typed_secrets.forget(request, place)
        settings = ReaderForm(reader=reader, source=found, stored=known)
        return _show(request, found, SourceForm(team=request.team, instance=found), settings, AddressForm())
    address, data = AddressForm(request.POST), request.POST.copy()
    if address.is_valid() and address.options:  # an address says all about the place
        typed |= address.secrets
        data["name"] = str(data.get("name", "")).strip() or str(address.options["database"])
        defaults = {setting.key: setting.default for setting in Postgres.settings}
        for key in ("host", "port", "database", "user", "sslmode"):
            data[f"setting-{key}"] = str(address.options.get(key, defaults[key]))
        for key in ("sslrootcert", "channel_binding", "options"):
            if key in address.options:
                data[f"setting-{key}"] = str(address.options[key])
    form = SourceForm(data, team=request.team, instance=found)
    settings = ReaderForm(data, reader=reader, source=found, stored=known, typed=typed)
    is_valid = all([form.is_valid(), settings.is_valid(), address.is_valid()])
    secrets = typed | settings.secrets
    if "fill" in request.POST:  # the other fields are not done yet
        form.errors.clear()
        settings.errors.clear()
        is_valid = False
    if not is_valid:
        typed_secrets.keep(request, place, secrets)
        return _show(request, found, form, settings, address)
    found.options, found.credentials = settings.options, known | secrets
    tested = test(found)
    if not tested.is_good and "anyway" not in request.POST:
        typed_secrets.keep(request, place, secrets)
        return _show(request, found, form, settings, address, tested=tested)
    note(found, tested)
    is_new = found.pk is None
    if not save(found, form):
        typed_secrets.keep(request, place, secrets)
        return _show(request, found, form, settings, address)
    typed_secrets.forget(request, place)
    tell(request, tested)
    if tested.is_good and not is_new:
        tell_models(request, found)
    return redirect((way_back(request) if is_new else "") or address_of(request, found))


def _show(
    request: TeamRequest,
    found: Source,
    form: SourceForm,
    settings: ReaderForm,
    address: AddressForm,
    *,
    tested: Tested | None = None,
) -> HttpResponse:
    typed = typed_secrets.recall(request, str(found.public_id) if found.pk else found.kind)
    for key in typed:
        settings.fields[key].help_text = "You entered it already. Leave it empty to keep it."
    context = {
        "section": "sources",
        "source": found,
        "name": Source.objects.values_list("name", flat=True).get(pk=found.pk) if found.pk else "",
        "label": kind_label(found.kind),
        "form": form,
        "settings": settings,
        "address": address if found.kind == Postgres.key else None,
        "tested": tested,
        "next": way_back(request),
    }
    return render(request, "syncs/sources/form.html", context)


def address_of(request: TeamRequest, found: Source) -> str:
    return reverse("source", args=[request.team.slug, found.public_id])


def _remove(found: Source) -> bool:
    """Remove the source, with the file that was uploaded for it. False while a model reads it."""
    folder = folder_of(found) if found.kind == Upload.key else None
    with transaction.atomic():
        Source.objects.select_for_update().get(pk=found.pk)
        if QueryModel.objects.filter(source=found).exists():
            return False
        if folder is not None:
            uploads.mark(folder)
        audit.record(None, found.team, audit.Action.SOURCE_REMOVED, found)
        Source.objects.filter(pk=found.pk).delete()
    if found.kind == Upload.key:
        remove_folder(found)
    return True


def _get(request: TeamRequest, public_id: UUID) -> Source:
    return get_object_or_404(Source, team=request.team, public_id=public_id)


def _facts(found: Source) -> list[Fact]:
    """The settings as people know them; secrets are not among them."""
    if found.kind == Upload.key:
        return []
    reader: type[Reader] | None = registry.readers().get(found.kind)
    options = without_secrets(found.options)
    if reader is None:
        return [Fact(key, value) for key, value in options.items()]
    shown = {*reader.required, *options, "port", "sslmode", "path"} - {*reader.secrets}
    return [Fact(s.label, options.get(s.key, s.default)) for s in reader.settings if s.key in shown]


def _offered(found: Source) -> Offered:
    """Its tables, asked now where it worked the last time."""
    if found.health == Source.Health.ATTENTION:
        return Offered(problem="Its tables are shown when it works again.")
    try:
        all_of_them = tables(found)
    except (SourceError, Unreachable) as error:
        return Offered(problem=str(error))
    return Offered(all_of_them[:SHOWN_TABLES], max(0, len(all_of_them) - SHOWN_TABLES))
