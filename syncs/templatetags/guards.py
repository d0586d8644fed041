"""A sync's guards in words, for pages that only mention them."""

from django import template

from syncs.configuration.guards import stored_guards
from syncs.engine.guard_kinds import name_of
from syncs.models import Sync

register = template.Library()


@register.filter
def told_guards(sync: Sync) -> list[str]:
    """What people call the sync's guards, in their order."""
    return [name_of(guard) for guard in stored_guards(sync)]
