"""The page of one field. Alice owns the team, Bob may only look, Charlie is of another team."""

import html
import re
from typing import Any

import pytest
from django.urls import reverse

from syncs.models import SyncDraft
from tests.syncs.engine.scene import write_csv
from tests.syncs.views.test_syncs import (  # noqa: F401
    EMAIL,
    FIRST,
    Browser,
    connection,
    edit_mapping,
    files,
    form_of,
    page,
    sandbox,
    sync,
)

PEOPLE = [
    {"id": 1, "email": "a@acme.com", "given_name": " Ada ", "title": "VP", "note": "0151 12345678"},
    {"id": 2, "email": "b@acme.com", "given_name": "", "title": "CEO", "note": "call me"},
    {"id": 3, "email": "c@acme.com", "given_name": "   ", "title": "cto", "note": "+49 151 12345679"},
]
TITLE = {"source": "column:title", "field": "field:title"}
NAME = 1  # the place of the first name's row


@pytest.fixture
def field(page: Browser, sync: Any, files: Any) -> "Field":  # noqa: F811
    write_csv("people.csv", PEOPLE)
    edit_mapping(page, sync, EMAIL, FIRST, TITLE)
    return Field(page, sync)


class Field:
    """Alice at the page of a field of her sync."""

    def __init__(self, page: Browser, sync: Any) -> None:  # noqa: F811
        self.page, self.sync = page, sync

    def url(self, at: int = NAME) -> str:
        return reverse("sync_edit_field", args=["acme", self.sync.public_id, at])

    def get(self, at: int = NAME, query: str = "") -> str:
        answer = self.page.client.get(self.url(at) + query)
        assert answer.status_code == 200
        return html.unescape(answer.content.decode())

    def post(self, at: int = NAME, /, **typed: str) -> Any:
        """Press a button of the page as it stands, with other things typed."""
        found = typed_on(self.get(at)) | {name.replace("_", "-"): text for name, text in typed.items()}
        found = {name: text for name, text in found.items() if text is not None}
        if "first-of" in found:
            found["kind"] = found.pop("first-of")
        return self.page.client.post(self.url(at), found)

    def says(self, at: int = NAME, /, **typed: str) -> str:
        """What the page says after that button."""
        answer = self.post(at, **typed)
        while answer.status_code == 302:
            answer = self.page.client.get(answer.url.split("#")[0])
        assert answer.status_code == 200
        return html.unescape(answer.content.decode())

    def row(self, at: int = NAME) -> dict[str, str]:
        """The row as the draft has it."""
        return SyncDraft.objects.get().content["rows"][at]

    def save(self) -> Any:
        self.page.post("sync_edit_mapping", self.sync.public_id, **{**mapping_form(self), "action": "next"})
        return self.page.post("sync_edit", self.sync.public_id, name=self.sync.name, action="save")


def mapping_form(field: Field) -> dict[str, str]:
    rows = SyncDraft.objects.get().content["rows"]
    found = {"rows": str(len(rows))}
    for at, row in enumerate(rows):
        found |= {f"row-{at}-{part}": text for part, text in row.items()}
    return found


def typed_on(text: str) -> dict[str, str]:
    """What a browser would send of the page's form."""
    form = text[text.index('id="field-form"') : text.rindex("</form>")]
    found = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r' name="([^"]*)"', tag), re.search(r' value="([^"]*)"', tag)
        if name and not ('type="radio"' in tag and "checked" not in tag):
            found[name[1]] = value[1] if value else ""
    boxes = re.findall(r'<textarea[^>]* name="([^"]*)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL)
    found |= dict(boxes)
    for name, options in re.findall(r'<select[^>]* name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        first = re.search(r'<option value="([^"]*)"', options)
        found[name] = (chosen or first)[1]
    return found


def told(text: str, part: str = "live") -> str:
    """The words of a part of the page, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", text[text.index(f'id="{part}"') :]).split())


def test_the_page_tells_the_field_and_what_becomes_of_real_rows(field):
    text = field.get()
    assert "first_name" in text and "<code><bdi>first_name</bdi></code>" in text
    assert "given_name · text · 67% empty · \u2068Ada\u2069" in text
    live = told(text)
    assert "Tried with 3 rows: 1 has a value to send, 2 are empty, 0 need attention." in live
    assert live.index("empty") < live.index("␣ Ada ␣")
    assert "Not sent: stays as it is there." in live
    assert '" Ada "' in live


def test_steps_are_added_typed_moved_and_removed(field):
    text = field.says(action="add", add_verb="replace")
    assert f'action="{field.url()}"' in text  # so that a fragment of this address takes no focus away
    assert re.search(r'id="step-0-old"[^>]* autofocus', text)
    assert 'id="step-0-error"' not in text
    text = field.says(action="try", step_0_old="Ada", step_0_new="Eva")
    assert "Replace “Ada” by “Eva”" in text
    text = field.says(action="add", add_verb="trim")
    text = field.says(action="up-1")
    assert text.index("Trim blanks</legend>") < text.index("Replace “Ada” by “Eva”</legend>")
    assert field.row()["steps"] == '["trim",{"replace":["Ada","Eva"]}]'
    assert '"Eva"' in told(text)
    field.says(action="remove-1")
    assert field.row()["steps"] == '["trim"]'


def test_done_goes_back_to_the_row_and_the_sync_is_saved_with_it(field):
    field.post(action="add", add_verb="trim")
    answer = field.post(action="done", empty="default", default="Friend")
    assert answer.url == reverse("sync_edit_mapping", args=["acme", field.sync.public_id]) + "#row-1"
    field.save()
    saved = field.sync.mappings.get(field="first_name")
    assert (saved.steps, saved.empty, saved.default) == (["trim"], "default", "Friend")


def test_an_error_stands_at_its_step_and_keeps_what_was_typed(field):
    field.post(action="add", add_verb="round")
    text = field.says(action="done", step_0_digits="two")
    assert "0 to 15" in told(text, "step-0-errors")[:200]
    assert '<a href="#step-0">step 1</a>' in text
    assert 'value="two"' in text
    assert "Step 1 must be mended" in told(text)
    assert 'value="two"' in field.get()


def test_a_template_is_told_its_wrong_line_and_keeps_what_was_typed(field):
    template = "{{ given_name }}\n{{ title | upcas }}\n"
    text = field.says(action="done", kind="template", template=template)
    assert 'Line 2 of the template: there is no filter "upcas". Did you mean "upcase"?' in text
    assert "That line is: {{ title | upcas }}" in told(text, "template-errors")
    assert template in text
    text = field.says(action="try", kind="template", template="{{ given_name | strip }}/{{ title }}")
    assert '"Ada/VP"' in told(text)
    assert field.post(action="done").status_code == 302
    field.save()
    assert field.sync.mappings.get(field="first_name").template == "{{ given_name | strip }}/{{ title }}"


def test_what_was_typed_for_another_source_is_there_again(field):
    field.post(action="try", kind="template", template="{{ title }}")
    field.post(action="try", kind="value", value="x")
    text = field.says(action="try", kind="template")
    assert "{{ title }}</textarea>" in text
    assert field.row()["source"] == 'kept:{"template":"{{ title }}"}'


def test_the_first_of_several_columns_is_put_together_and_ordered(field):
    field.post(action="first-add", kind="first_of", first_new="given_name")
    field.post(action="first-add", first_new="title")
    text = field.says(action="first-up-1")
    assert field.row()["source"] == 'kept:{"first_of":["title","given_name"]}'
    assert re.search(r'id="first-0-down"[^>]* autofocus', text)
    field.post(action="first-remove-0")
    assert field.row()["source"] == 'kept:{"first_of":["given_name"]}'


def test_a_value_map_is_a_table_that_takes_the_values_of_the_rows(field):
    field.post(2, action="add", add_verb="map")
    text = field.says(2, action="values-0")
    assert field.row(2)["steps"] == '[{"map":{"VP":"VP","CEO":"CEO","cto":"cto"}}]'
    text = field.says(2, action="try", step_0_new_2="Chief", step_0_old_3="VP", step_0_new_3="again")
    assert "“VP” is listed twice" in told(text, "step-0-errors")
    text = field.says(2, action="try", step_0_old_3="", step_0_new_3="", step_0_rest="attention")
    assert field.row(2)["steps"] == '[{"map":{"VP":"VP","CEO":"CEO","cto":"Chief"},"unlisted":"attention"}]'
    assert '"Chief"' in told(text)


def test_what_does_not_fit_is_told_with_its_reason(field):
    text = field.says(action="try", kind="column", column="note")
    text = field.says(action="add", add_verb="phone")
    text = field.says(action="try", step_0_country="DE")
    live = told(text)
    assert '"+4915112345678"' in live and "1 needs attention" in live
    assert "“call me” is not a phone number" in live or "is not a phone number" in live


def test_each_choice_for_empty_values_is_shown_on_the_rows(field):
    text = told(field.says(action="try", empty="clear", default="Friend"))
    after = text[text.index("What an empty value would mean") :]
    assert "blanks only" in after
    for outcome in ("stays as it is there", "cleared there", '"Friend"', "needs attention"):
        assert outcome in after


def test_trying_while_typing_keeps_nothing(field):
    before = field.row()
    answer = field.post(action="live", kind="value", value="Everybody")
    assert answer.status_code == 200 and '"Everybody"' in told(html.unescape(answer.content.decode()))
    assert field.row() == before


def test_a_run_variable_fills_the_field(field):
    field.post(action="add", add_verb="trim")
    field.post(action="try", kind="variable", variable="run_id")
    field.post(action="try", kind="column")
    assert field.row()["steps"] == '["trim"]'
    assert field.post(action="done", kind="variable", variable="run_number").status_code == 302
    field.save()
    saved = field.sync.mappings.get(field="first_name")
    assert (saved.variable, saved.column, saved.steps) == ("run_number", None, [])


def test_two_tabs_lose_nothing_unnoticed(field):
    first = typed_on(field.get())
    field.post(action="try", column="title")
    answer = field.page.client.post(field.url(), first | {"action": "try", "column": "note"}, follow=True)
    assert "changed in another tab too" in answer.content.decode()
    assert field.row()["source"] == "column:note"


def test_a_row_that_moved_or_went_in_another_tab_is_found_again(field):
    typed = typed_on(field.get())
    edit_mapping(field.page, field.sync, FIRST, EMAIL, TITLE)
    field.page.client.post(field.url(), typed | {"action": "try", "column": "note"})
    assert field.row(0)["source"] == "column:note"
    edit_mapping(field.page, field.sync, EMAIL)
    field.page.client.post(field.url(), typed | {"action": "try", "column": "note"})
    assert field.row(1) == {"field": "field:first_name", "source": "column:note", "empty": "leave"}
    assert "no longer in the mapping" in field.page.client.get(field.url(7), follow=True).content.decode()


def test_the_list_opens_the_page_and_keeps_what_was_typed(field, page):  # noqa: F811
    typed = form_of(EMAIL, FIRST | {"source": "column:title"}, action="field-1")
    answer = page.post("sync_edit_mapping", field.sync.public_id, **typed)
    assert answer.url == field.url()
    assert 'value="title" selected' in field.get()
    text = page.get("sync_edit_mapping", field.sync.public_id)
    assert 'value="field-1"' in text


def test_bob_may_not_and_charlie_finds_nothing(field, client, bob, charlie):
    for person, status in ((bob, 403), (charlie, 404)):
        client.force_login(person)
        assert client.get(field.url()).status_code == status
        assert client.post(field.url(), {"action": "try"}).status_code == status


@pytest.mark.parametrize(
    "nasty",
    ['<b>"x"</b>&amp;', "ש" * 200, "x" * 5_000, "a\tb\nc"],
    ids=["markup", "right-to-left", "long", "controls"],
)
def test_whatever_a_value_holds_the_page_shows_it_safely(field, nasty):
    write_csv("people.csv", [PEOPLE[0] | {"given_name": nasty}])
    text = field.page.client.post(field.url(), typed_on(field.get()) | {"action": "reread"}, follow=True)
    body = text.content.decode()
    assert "<b>" not in body
    assert len(body) < 60_000
