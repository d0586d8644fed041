"""What a mapping can choose from, once for the whole page, for its script to search. Pure."""

from collections.abc import Mapping, Sequence

from destinations.contract import JSON, Field
from syncs.forms.sync_suggestions import Candidate

MOST_CHOICES = 60  # of a picklist that can be searched by
KINDS = {
    "text_list": "list of texts",
    "datetime": "date with time",
    "picklist": "choice",
    "boolean": "yes or no",
}


def kind_told(field: Field) -> str:
    """A field's kind for people."""
    return KINDS.get(field.kind, field.kind.replace("_", " "))


def offer(
    columns: Sequence[Candidate],
    groups: Sequence[tuple[str, Sequence[Field]]],
    percents: Mapping[str, int | None],
) -> dict[str, JSON]:
    """Columns and fields, as short as 200 of each should be: what is not so, or not known, is left out.

    A column: `n`ame, `t`ype, `s`amples, `e`mpty percent. A field: `k`ey, `l`abel, kind `t`, `g`roup's number,
    `r`equired, `c`ustom, `u`nverified, `w`hy it cannot be filled, `h`elp, `o`ptions.
    """
    return {
        "columns": [
            _without_nothing(n=one.name, t=one.type, s=list(one.samples[:3]), e=percents.get(one.name) or 0)
            for one in columns
        ],
        "groups": [label for label, _ in groups],
        "fields": [_field(one, at) for at, (_, fields) in enumerate(groups) for one in fields],
    }


def _field(field: Field, group: int) -> dict[str, JSON]:
    options = [one.label if one.label == one.value else f"{one.label} ({one.value})" for one in field.options]
    return _without_nothing(
        k=field.key,
        l=field.label if field.label != field.key else "",
        t=kind_told(field),
        g=group,
        r=field.required,
        c=field.custom,
        u=not field.verified,
        w=field.read_only,
        h=field.help,
        o=options[:MOST_CHOICES],
    )


def _without_nothing(**parts: JSON) -> dict[str, JSON]:
    return {name: value for name, value in parts.items() if value or name == "n"}
