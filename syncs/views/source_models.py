"""Whether the models that read a source still work: looked at when the source changes, told at once."""

import time
from dataclasses import dataclass

from django.contrib import messages
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from syncadmin.lib.shown import counted
from syncadmin.teams.access import TeamRequest
from syncs.configuration.checks import primary_key_faults
from syncs.configuration.models import missing_columns
from syncs.forms.sync_words import sentence
from syncs.models import QueryModel, Source
from syncs.sources.base import Reader, SourceError
from syncs.views.source_health import Unreachable, quick_reader

MOST_SECONDS = 10.0  # while somebody waits
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Broken:
    model: QueryModel
    reason: str


def tell_models(request: TeamRequest, source: Source) -> None:
    """Ask for the columns of each model that reads the source; say which no longer have what they need."""
    models = list(QueryModel.objects.filter(source=source).order_by("name"))
    try:
        reader = quick_reader(source)
    except Unreachable:
        return
    broken, count = [], 0
    ends = time.monotonic() + MOST_SECONDS
    for model in models:
        if time.monotonic() > ends:
            break
        count += 1
        if reason := _fault(reader, model):
            broken.append(Broken(model, reason))
    if broken:
        _tell(request, broken)
    elif count:
        what = "the model that reads it works" if count == 1 else f"the {count:,} models that read it work"
        messages.success(request, f"With it {what}.")
    if count < len(models):
        messages.warning(
            request,
            f"There was no time to look at {counted(len(models) - count, 'more model')} that "
            f"read{'s' if len(models) - count == 1 else ''} it: their pages tell whether they work.",
        )


def _fault(reader: Reader, model: QueryModel) -> str:
    """Why the model does not work; empty where it does."""
    try:
        names = [column.name for column in reader.describe(model.sql)]
    except SourceError as error:
        return sentence(str(error))
    if faults := primary_key_faults(model.primary_key, names):
        return sentence(faults[0].message)
    for sync, (column, *_) in missing_columns(model, names).items():
        return f"It no longer returns the column “{column}”, which the sync {sync} needs."
    return ""


def _tell(request: TeamRequest, broken: list[Broken]) -> None:
    lines = format_html_join(
        "",
        '<br><a href="{}">{}</a>: {}',
        (
            (reverse("model", args=[request.team.slug, one.model.public_id]), one.model.name, one.reason)
            for one in broken[:SHOWN]
        ),
    )
    more = f" And {len(broken) - SHOWN:,} more." if len(broken) > SHOWN else ""
    first = "A model that reads it does not work" if len(broken) == 1 else "Models that read it do not work"
    messages.error(request, format_html("{} with what is saved now:{}{}", first, lines, more))
