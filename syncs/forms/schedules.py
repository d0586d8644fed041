"""When a sync runs by itself, as a form: one kind of rhythm is chosen, the others keep what was typed."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import available_timezones

from django import forms

from syncs import schedule as words
from syncs.models import Sync
from syncs.schedule import BY_HAND, Schedule, ScheduleWrong, read

ZONES = sorted(available_timezones() - {"localtime", "Factory"})  # those say nothing to people
KINDS = (
    (words.MANUAL, "By hand only"),
    (words.EVERY, "At an interval"),
    (words.DAILY, "Every day"),
    (words.WEEKLY, "On some days of the week"),
    (words.CRON, "By a cron schedule"),
    (words.AFTER, "After another sync"),
)
# Where each part of a schedule stands in the form.
PLACES = {
    words.EVERY: "number",
    words.DAILY: "daily_at",
    words.WEEKLY: "weekly_at",
    words.CRON: "cron",
    words.AFTER: "follows",
    "zone": "zone",
    "between": "opens",
    "": "kind",
}


def _time() -> forms.CharField:
    return forms.CharField(required=False, widget=forms.TextInput(attrs={"type": "time"}))


class ScheduleForm(forms.Form):
    """`schedule` is what was said, once it is valid; `followed` the sync that it names."""

    kind = forms.ChoiceField(choices=KINDS, initial=words.MANUAL)
    number = forms.CharField(
        required=False, initial="1", max_length=5, widget=forms.TextInput(attrs={"inputmode": "numeric"})
    )
    unit = forms.ChoiceField(
        required=False, choices=[(name, f"{name}s") for name in words.UNITS], initial="hour"
    )
    daily_at = _time()
    days = forms.MultipleChoiceField(
        required=False, choices=list(zip(words.DAYS, words.DAY_NAMES, strict=True))
    )
    weekly_at = _time()
    cron = forms.CharField(required=False, max_length=words.LONGEST_CRON)
    follows = forms.ChoiceField(required=False)
    zone = forms.CharField(required=False, max_length=64, widget=forms.TextInput(attrs={"list": "zones"}))
    opens = _time()
    closes = _time()

    def __init__(self, *args: Any, others: Iterable[Sync], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._others = {str(one.public_id): one for one in others}
        choices = [("", "Choose a sync"), *((key, one.name) for key, one in self._others.items())]
        self.fields["follows"] = forms.ChoiceField(required=False, choices=choices)
        self.schedule = BY_HAND
        self.followed: Sync | None = None

    def clean(self) -> dict[str, Any]:
        cleaned = dict(super().clean() or {})
        kind = cleaned.get("kind")
        if self.errors or kind in {None, words.MANUAL}:
            return cleaned
        if kind == words.WEEKLY and not cleaned["days"]:
            self.add_error("days", "Choose at least one day.")
            return cleaned
        try:
            self.schedule = read(self._told(cleaned))
        except ScheduleWrong as wrong:
            self.add_error(self._place(wrong.part, cleaned), f"{_upper(str(wrong))}.")
        return cleaned

    def _place(self, part: str, cleaned: dict[str, Any]) -> str:
        """The field that is wrong: of two hours the one that is no time."""
        if part == "between" and cleaned["opens"] and not cleaned["closes"]:
            return "closes"
        return PLACES.get(part, "kind")

    def _told(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        kind = cleaned["kind"]
        if kind == words.AFTER:
            self.followed = self._others.get(cleaned["follows"])
            return {kind: self.followed.name if self.followed is not None else ""}
        rhythm: Any = {
            words.EVERY: f"{cleaned['number']} {cleaned['unit']}s",
            words.DAILY: _clock(cleaned["daily_at"]),
            words.WEEKLY: {"days": cleaned["days"], "at": _clock(cleaned["weekly_at"])},
            words.CRON: cleaned["cron"],
        }[kind]
        between = [_clock(cleaned["opens"]), _clock(cleaned["closes"])]
        return {
            kind: rhythm,
            "zone": cleaned["zone"].strip(),
            "between": between if any(between) else None,
        }


def initial_of(schedule: Schedule, follows: Sync | None, zone: str) -> dict[str, Any]:
    """The form of a stored schedule. `zone` is the reader's own, for the rhythms that are not chosen."""
    found: dict[str, Any] = {"kind": schedule.kind, "zone": zone if schedule is BY_HAND else schedule.zone}
    found |= {"daily_at": "07:00", "weekly_at": "07:00", "days": ["mon"], "cron": "0 7 * * 1-5"}
    if schedule.kind == words.EVERY:
        number, unit = words.in_unit(schedule.minutes)
        found |= {"number": str(number), "unit": unit}
    if schedule.at is not None:
        found["daily_at" if schedule.kind == words.DAILY else "weekly_at"] = f"{schedule.at:%H:%M}"
    if schedule.days:
        found["days"] = [words.DAYS[day] for day in schedule.days]
    if schedule.cron:
        found["cron"] = schedule.cron
    if follows is not None:
        found |= {"follows": str(follows.public_id), "zone": zone}
    if schedule.between is not None:
        found |= {"opens": f"{schedule.between[0]:%H:%M}", "closes": f"{schedule.between[1]:%H:%M}"}
    return found


def _clock(text: str) -> str:
    """A time as browsers send it: some add the seconds."""
    return text.strip()[:5]


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
