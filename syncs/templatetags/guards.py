"""A sync's guards in words, for pages that only mention them."""

from django import template

from syncs.configuration.guards import stored_guards
from syncs.engine.guard_kinds import sentence
from syncs.models import Sync

register = template.Library()


@register.filter
def told_guards(sync: Sync) -> list[str]:
    """The sync's guards in their order, a sentence each, after the name that people gave."""
    return [
        f"{guard['name']}: {sentence(guard)}" if "name" in guard else sentence(guard)
        for guard in stored_guards(sync)
    ]
