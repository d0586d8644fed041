"""Making and changing a model: a table or a query, a look at its rows, the key, and saving it."""

from dataclasses import dataclass, field
from pathlib import PurePath

from django.contrib import messages
from django.db import IntegrityError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from syncadmin.teams.access import TeamRequest
from syncs.configuration.checks import primary_key_faults
from syncs.configuration.models import (
    ActiveRun,
    Again,
    ChangedMeanwhile,
    Removed,
    missing_columns,
    save_model,
    sent_again,
)
from syncs.forms.models import ModelForm
from syncs.forms.sync_words import sentence
from syncs.models import QueryModel, Source
from syncs.sources.base import SourceError, Table
from syncs.sources.duckdb import Upload
from syncs.views.model_keys import KeyCheck, check_key, mark_of
from syncs.views.model_preview import Preview, failed, preview
from syncs.views.source_health import Unreachable, quick_reader, tables
from syncs.views.way_back import way_back

LONGEST_NAME = 100
SHOWN_TABLES = 500


@dataclass(slots=True)
class Page:
    """What the form's page shows beside the form."""

    look: Preview | None = None
    key: list[str] = field(default_factory=list)
    key_error: str = ""
    warning: KeyCheck | None = None
    again: list[Again] = field(default_factory=list)


def add(request: TeamRequest, source: Source, *, has_choice: bool) -> HttpResponse:
    """Make a model of this source. A table in the address is picked: its SQL is written and run."""
    model = QueryModel(team=request.team, source=source, primary_key=[])
    if request.method == "POST":
        return _act(request, model, has_choice=has_choice)
    page, offered, problem = Page(), *_tables(source)
    picked = next((table for table in offered if table.name == request.GET.get("table")), None)
    if picked is None and source.kind == Upload.key and offered:
        picked = offered[0]
    if picked is not None:
        model.sql = picked.sql
        model.name = _free_name(request, source, picked)
        page.look = preview(source, picked.sql)
        page.key = list(page.look.proposed)
    form = ModelForm(team=request.team, instance=model)
    return _show(request, model, form, page, offered=offered, problem=problem, has_choice=has_choice)


def edit(request: TeamRequest, model: QueryModel) -> HttpResponse:
    """Change a model."""
    if request.method == "POST":
        return _act(request, model, has_choice=False)
    page = Page(look=preview(model.source, model.sql), key=list(model.primary_key))
    return _show(request, model, ModelForm(team=request.team, instance=model), page, has_choice=False)


def _act(request: TeamRequest, model: QueryModel, *, has_choice: bool) -> HttpResponse:
    """Run the query, or save the model if all is well or the person was warned."""
    stored_key = list(model.primary_key)
    form = ModelForm(request.POST, team=request.team, instance=model)
    is_valid = form.is_valid()
    sql = form.cleaned_data.get("sql", "")
    page = Page(key=form.primary_key(stored_key))
    if "run" in request.POST:
        form.errors.pop("name", None)  # the rest is not done yet
        page.look = preview(model.source, sql) if sql else None
        _propose(page)
        return _show(request, model, form, page, has_choice=has_choice)
    is_valid = _is_fit(model, form, page, sql) and is_valid
    if is_valid and form.cleaned_data["warned"] != mark_of(sql, page.key):
        is_valid = _is_certain(model, page, sql)
    if is_valid and _save(model, form, page):
        messages.success(request, f"{model.name} is saved.")
        own = reverse("model", args=[request.team.slug, model.public_id])
        return redirect(way_back(request) or own)
    if page.look is None and sql:
        page.look = preview(model.source, sql)
        _propose(page)
    return _show(request, model, form, page, has_choice=has_choice)


def _is_fit(model: QueryModel, form: ModelForm, page: Page, sql: str) -> bool:
    """Whether the query runs, and returns the key and what syncs need of it."""
    if not sql:
        return False
    try:
        columns = [column.name for column in quick_reader(model.source).describe(sql)]
    except (SourceError, Unreachable) as error:
        page.look = failed(error, sql)
        return False
    faults = primary_key_faults(page.key, columns)
    page.key = [name for name in page.key if name in columns]
    if faults:
        page.key_error = " ".join(sentence(fault.message) for fault in faults)
    elif not page.key:
        page.key_error = "Tick the column, or the columns together, that tell one row from every other."
    for name, missing in missing_columns(model, columns).items() if model.pk else ():
        listed = ", ".join(f"“{column}”" for column in missing)
        form.add_error("sql", f"The sync {name} needs {listed}, which the query no longer returns.")
    return not page.key_error and not form.errors


def _is_certain(model: QueryModel, page: Page, sql: str) -> bool:
    """Whether nobody need be asked: the key holds over the whole model, and nothing is sent again."""
    check = check_key(model.source, sql, page.key)
    if not check.is_good:
        page.warning = check
    page.again = sent_again(model, page.key)
    return page.warning is None and not page.again


def _save(model: QueryModel, form: ModelForm, page: Page) -> bool:
    """Save the model. False where the form now says why not; its input is kept."""
    model.sql, model.primary_key = form.cleaned_data["sql"].strip(), page.key
    try:
        save_model(model, based_on=form.based_on)
    except ChangedMeanwhile as changed:
        form.add_error(
            None,
            "Somebody else changed this model while you had it open. Nothing is saved yet. Look at it in "
            "another window; saving again puts what stands here in its place.",
        )
        form.see(changed.model)
        return False
    except ActiveRun as active:
        form.add_error(None, str(active))
        return False
    except Removed:
        raise Http404 from None
    except IntegrityError:
        form.add_error("name", "The team already has a model with this name.")
        return False
    return True


def _propose(page: Page) -> None:
    """Tick what is likely the key, where nothing that is ticked is a column."""
    if page.look is None or page.look.problem:
        return
    page.key = [name for name in page.key if name in page.look.names]
    if not page.key:
        page.key = list(page.look.proposed)


def _show(
    request: TeamRequest,
    model: QueryModel,
    form: ModelForm,
    page: Page,
    *,
    has_choice: bool,
    offered: tuple[Table, ...] | None = None,
    problem: str = "",
) -> HttpResponse:
    if offered is None:
        offered, problem = _tables(model.source) if model.pk is None else ((), "")
    asks = page.warning is not None or bool(page.again)
    warned = mark_of(form.cleaned_data["sql"], page.key) if asks else ""
    if form.is_bound and page.look is not None and page.look.problem:
        form.add_error("sql", page.look.told)
    context = {
        "section": "models",
        "model": model,
        "name": QueryModel.objects.values_list("name", flat=True).get(pk=model.pk) if model.pk else "",
        "source": model.source,
        "form": form,
        "tables": offered[:SHOWN_TABLES],
        "more_count": max(0, len(offered) - SHOWN_TABLES),
        "tables_problem": problem,
        "preview": page.look,
        "key": page.key,
        "key_error": page.key_error,
        "warning": page.warning,
        "again": page.again,
        "again_count": sum(one.row_count for one in page.again),
        "warned": warned,
        "has_choice": has_choice,
        "next": way_back(request),
    }
    return render(request, "syncs/models/form.html", context)


def _tables(source: Source) -> tuple[tuple[Table, ...], str]:
    """What can be picked; else why nothing can."""
    try:
        return tables(source), ""
    except (SourceError, Unreachable) as error:
        return (), str(error)


def _free_name(request: TeamRequest, source: Source, table: Table) -> str:
    """A name for the model: the table's, or the uploaded source's; with a number where it is taken."""
    path = PurePath(table.name)
    is_file = "/" in table.name or path.suffix.lower() in (".csv", ".tsv", ".parquet", ".json", ".gz", ".zst")
    name = path.name.split(".")[0] if is_file else table.name.rpartition(".")[2] or table.name
    if source.kind == Upload.key:
        name = source.name
    name = (name or table.name)[: LONGEST_NAME - 5]
    taken = set(QueryModel.objects.filter(team=request.team).values_list("name", flat=True))
    number = 2
    free = name
    while free in taken:
        free, number = f"{name} {number}", number + 1
    return free
