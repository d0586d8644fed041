"""The HTML of the control page: one page for each service, plain forms, no script, nothing from elsewhere.

The addresses of forms are relative to the page, whatever its service's path.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from destinations.sandbox.faults import Switch

if TYPE_CHECKING:
    from destinations.sandbox.desk import Desk, Listing

SHOWN_ROWS = 25

STYLE = """
:root { color-scheme: light dark; --line: light-dark(#c9ced6, #3d434d); --soft: light-dark(#f3f5f8, #1d2127);
  --text: light-dark(#1b1f24, #e6e8eb); --quiet: light-dark(#57606a, #a3abb5);
  --bad: light-dark(#a40e26, #ff8b94);
  --act: light-dark(#0b57a4, #8fc2ff); }
* { box-sizing: border-box; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem;
  color: var(--text); background: light-dark(#fff, #14171b); }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0 .75rem; } .quiet { color: var(--quiet); } .bad { color: var(--bad); font-weight: 600; }
a { color: var(--act); }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: .5rem 0; }
dl { display: flex; flex-wrap: wrap; gap: .25rem 2rem; margin: .75rem 0; }
dl div { display: flex; gap: .5rem; }
dt { color: var(--quiet); } dd { margin: 0; font-weight: 600; }
details { border: 1px solid var(--line); border-radius: .4rem; padding: .75rem 1rem; margin: 0 0 .75rem; }
summary { cursor: pointer; font-weight: 600; }
.forms { display: flex; flex-wrap: wrap; gap: .75rem; align-items: end; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; color: var(--quiet); }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
td { overflow-wrap: anywhere; min-width: 4.5rem; } td:first-child { min-width: 9rem; }
input, select, textarea, button { font: inherit; color: inherit; background: var(--soft);
  border: 1px solid var(--line); border-radius: .3rem; padding: .3rem .5rem; }
input[type=number] { width: 6.5rem; } label { display: inline-block; }
button { cursor: pointer; white-space: nowrap; border-color: var(--act); color: var(--act); }
:focus-visible { outline: 2px solid var(--act); outline-offset: 1px; }
code { background: var(--soft); padding: 0 .25rem; border-radius: .2rem; }
"""


def page(
    desk: "Desk", *, at: str, services: Sequence[tuple[str, str]], search: Mapping[str, str], problem: str
) -> str:
    """The whole page. `at` is its own path, `services` the label and path of every service's page.

    `search` is what records are searched for, by name; `problem` why the last form was not taken.
    """
    service, state = desk.service, desk.state()
    title = f"{service.label} sandbox"
    records = [(each, each.rows(search.get(each.search, ""), SHOWN_ROWS)) for each in desk.listings()]
    parts = [
        ("switches", "Switches", _LUCK + _switches(service.faults.switches.values(), state["switches"])),
        ("keys", "Keys", _keys(state["keys"], service.scopes)),
        *desk.parts(),
        *((each.key, each.title, _listed(each, rows, state["counts"], search)) for each, rows in records),
        ("requests", "Requests", _requests(desk.requests(SHOWN_ROWS))),
    ]
    links = " ".join(f'<a href="#{key}">{escape(name)}</a>' for key, name, _ in parts)
    facts = {
        **{name.replace("_", " ").capitalize(): count for name, count in state["counts"].items()},
        **desk.facts(),
        "In flight, at most so far": state["peak_in_flight"],
        "Clock": state["clock"],
    }
    return whole(
        title,
        f"""<header>
{_siblings(at, services)}
<h1>{escape(title)}</h1>
<p class="quiet">A look-alike of the {escape(service.label)} API for trying things out. Its address is
<code>{escape(state["url"])}</code>, its API key <code>sandbox-key</code>.
Everything here is also <a href="state.json">JSON</a>.</p>
{_problem(problem)}
<nav aria-label="Parts of the page">{links}</nav>
<dl>{"".join(_fact(name, value) for name, value in facts.items())}</dl>
<div class="forms">
{form("reset", "<button>Reset all switches</button>")}
{form("clear", f"<button>{escape(desk.clear_label)}</button>")}
{_seconds_form("clock", "Move the clock forward by seconds", 1800)}
{_seconds_form("refuse", "Refuse connections for seconds", 30)}
</div>
</header>
<main>
{"".join(f'<h2 id="{key}">{escape(name)}</h2>{html}' for key, name, html in parts)}
</main>""",
    )


def whole(title: str, body: str) -> str:
    """A page of this sandbox around its body."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
{body}
</body>
</html>
"""


# What the parts are made of


def shown(value: object) -> str:
    """A text as HTML."""
    return escape(str(value))


def code(value: str) -> str:
    return f"<code>{escape(value)}</code>"


def form(action: str, inside: str, *, css: str = "forms") -> str:
    """A form for one of the desk's actions."""
    return f'<form method="post" action="{action}" class="{css}">{inside}</form>'


def line(label: str, name: str, *, required: bool = False) -> str:
    """A labelled line of text in a form."""
    return f'<label>{escape(label)}<br><input name="{name}"{" required" if required else ""}></label>'


def choice(label: str, name: str, options: Iterable[str]) -> str:
    """A labelled choice in a form."""
    return choice_of(label, name, [(each, each) for each in options])


def choice_of(label: str, name: str, options: Iterable[tuple[str, str]]) -> str:
    """A labelled choice of values that have labels."""
    inside = "".join(f'<option value="{escape(value)}">{escape(said)}</option>' for value, said in options)
    return f'<label>{escape(label)}<br><select name="{name}">{inside}</select></label>'


def remove(action: str, what: str, *, label: str = "Remove", **hidden: str) -> str:
    """A button that removes what `hidden` names."""
    inputs = "".join(f'<input type="hidden" name="{k}" value="{escape(v)}">' for k, v in hidden.items())
    return form(action, f'{inputs}<button aria-label="{label} {escape(what)}">{label}</button>', css="")


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table. The cells are HTML."""
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    empty = f'<tr><td colspan="{len(heads)}" class="quiet">None.</td></tr>'
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body or empty}</tbody></table></div>"
    )


def boxes(scopes: Iterable[str]) -> str:
    """A ticked box for each scope."""
    return " ".join(
        f'<label><input type="checkbox" name="scopes" value="{scope}" checked> {scope}</label>'
        for scope in scopes
    )


# What every page has

_LUCK = """<p class="quiet">A share is from 0 (never) to 1 (always); “next” makes it happen
that many times for certain.</p>"""


def _siblings(at: str, services: Sequence[tuple[str, str]]) -> str:
    """The way to the pages of the other services."""
    if len(services) == 1:
        return ""
    links = " ".join(
        f'<a href="{path}">{escape(label)}</a>' if path != at else f"<strong>{escape(label)}</strong>"
        for label, path in services
    )
    return f'<nav aria-label="Services">{links}</nav>'


def _problem(problem: str) -> str:
    return f'<p class="bad" role="alert">Not done: {escape(problem)}</p>' if problem else ""


def _fact(name: str, value: object) -> str:
    return f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>"


def _seconds_form(action: str, label: str, default: int) -> str:
    return form(
        action,
        f'<label>{escape(label)}<br><input type="number" name="seconds" min="1" value="{default}"></label>'
        "<button>Go</button>",
    )


def _switches(switches: Collection[Switch], values: Mapping[str, Any]) -> str:
    """One form for each group; a group with a changed switch is open."""
    html = []
    for group in dict.fromkeys(switch.group for switch in switches):
        members = [switch for switch in switches if switch.group == group]
        changed = sum(values[switch.key] != switch.default for switch in members)
        rows = "".join(_switch_row(s, values) for s in members if not s.key.endswith("_next"))
        flags = " ".join(switch.key for switch in members if switch.kind == "flag")
        table = (
            '<div class="scroll"><table><thead><tr><th scope="col">Switch</th>'
            '<th scope="col">Value or share</th>'
            f'<th scope="col">Next</th></tr></thead><tbody>{rows}</tbody></table></div>'
        )
        hidden = f'<input type="hidden" name="shown" value="{flags}">'
        note = f' <span class="bad">{changed} changed</span>' if changed else ""
        html.append(
            f"<details{' open' if changed else ''}><summary>{escape(group)}{note}</summary>"
            + form("switches", f"{hidden}{table}<p><button>Save these switches</button></p>", css="")
            + "</details>"
        )
    return "".join(html)


def _switch_row(switch: Switch, values: Mapping[str, Any]) -> str:
    next_key = switch.key.removesuffix("_rate") + "_next"
    has_next = switch.key.endswith("_rate") and next_key in values
    help = f'<br><span class="quiet">{escape(switch.help)}</span>' if switch.help else ""
    next_input = ""
    if has_next:
        next_input = (
            f'<input type="number" min="0" name="{next_key}" value="{values[next_key]}" '
            f'aria-label="Next times: {escape(switch.label)}">'
        )
    return (
        f'<tr><td><label for="{switch.key}">{escape(switch.label)}</label>{help}</td>'
        f"<td>{_input(switch, values[switch.key])}</td><td>{next_input}</td></tr>"
    )


def _input(switch: Switch, value: Any) -> str:
    at = f'id="{switch.key}" name="{switch.key}"'
    if switch.kind == "flag":
        return f'<input type="checkbox" {at} value="on"{" checked" if value else ""}>'
    if switch.kind == "text":
        return f'<input {at} value="{escape(str(value))}">'
    bounds = {"rate": 'max="1" step="any"', "seconds": 'step="any"', "count": 'step="1"'}[switch.kind]
    shown = f"{value:g}" if isinstance(value, float) and value < 1e6 else value
    return f'<input type="number" min="0" {bounds} {at} value="{shown}">'


def _keys(keys: Sequence[Mapping[str, Any]], scopes: Iterable[str]) -> str:
    rows = [
        (
            code(each["key"]),
            escape(", ".join(each["scopes"]) or "none"),
            remove("keys/remove", each["key"], key=each["key"]),
        )
        for each in keys
    ]
    add = form("keys", f"{line('Key', 'key', required=True)} {boxes(scopes)} <button>Save key</button>")
    return table("API keys and their scopes.", ("Key", "Scopes", "Remove"), rows) + f"<p></p>{add}"


def _listed(
    listing: "Listing",
    rows: Sequence[Mapping[str, Any]],
    counts: Mapping[str, int],
    search: Mapping[str, str],
) -> str:
    """Records, and the form to search them where they can be searched."""
    searched = search.get(listing.search, "")
    found = f"The newest {len(rows)} of {counts[listing.key]}."
    if searched:
        found = "What was found." if rows else "Nothing was found."
    looked_for = (
        f'<form method="get" action="#{listing.key}" class="forms"><label>{escape(listing.search_label)}<br>'
        f'<input name="{listing.search}" value="{escape(searched)}"></label><button>Find</button></form>'
    )
    return (looked_for if listing.search else "") + _records(rows, found, listing.columns)


def _requests(rows: Sequence[Mapping[str, Any]]) -> str:
    return _records(rows, "The latest requests.", ("at", "method", "path", "status", "fault"))


def _records(rows: Sequence[Mapping[str, Any]], caption: str, columns: Sequence[str]) -> str:
    heads = [column.replace("_", " ").capitalize() for column in columns]
    return table(caption, heads, [[escape(_cell(row[column])) for column in columns] for row in rows])


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
