"""How large the history is, and until when it was removed: as the last daily pruning measured it."""

from typing import ClassVar

from django.contrib import admin
from django.utils.safestring import SafeString

from syncadmin.lib.history import HistoryAdmin
from syncadmin.lib.shown import NOTHING, moment
from syncs.models import Kept

MEGABYTE = 1_000_000


@admin.register(Kept)
class KeptAdmin(HistoryAdmin):
    list_select_related = ()
    list_display = ("kind", "rows", "size", "measured", "older", "is_by_size")
    list_fields: ClassVar = (
        "kind",
        "row_count",
        "byte_count",
        "measured_at",
        "removed_until",
        "is_by_size",
    )
    fields = ("kind", "rows", "size", "measured", "older", "is_by_size")
    about = "As the last daily pruning left it; the days and sizes are in the installation's settings."

    @admin.display(description="Entries")
    def rows(self, kept: Kept) -> str:
        return f"{kept.row_count:,}"

    @admin.display(description="About")
    def size(self, kept: Kept) -> str:
        return f"{kept.byte_count / MEGABYTE:,.1f} MB"

    @admin.display(description="Measured")
    def measured(self, kept: Kept) -> SafeString | str:
        return moment(kept.measured_at) if kept.measured_at else NOTHING

    @admin.display(description="Older ones removed until")
    def older(self, kept: Kept) -> SafeString | str:
        return moment(kept.removed_until) if kept.removed_until else NOTHING
