"""The HTML of the control page: one page, plain forms, no script, nothing from elsewhere."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from typing import Any

from destinations.sandbox.faults import Switch

_STYLE = """
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

_JOB_COLUMNS = ("id", "status", "fate", "total", "failed", "created_at", "finished_at")


def page(
    *,
    state: Mapping[str, Any],
    switches: Collection[Switch],
    scopes: Iterable[str],
    types: Iterable[str],
    leads: Sequence[Mapping[str, Any]],
    companies: Sequence[Mapping[str, Any]],
    jobs: Sequence[Mapping[str, Any]],
    requests: Sequence[Mapping[str, Any]],
    search: Mapping[str, str],
    problem: str,
) -> str:
    """The whole page. `state` is that of the JSON twin; `problem` is why the last form was not taken."""
    counts = state["counts"]
    lead_note = _shown(leads, counts["leads"], search.get("email"))
    company_note = _shown(companies, counts["companies"], search.get("domain"))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Qualified sandbox</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>Qualified sandbox</h1>
<p class="quiet">A look-alike of the Qualified API for trying things out. Its address is
<code>{escape(state["url"])}</code>, its API key <code>sandbox-key</code>.
Everything here is also <a href="/__sandbox__/state.json">JSON</a>.</p>
{_problem(problem)}
<nav aria-label="Parts of the page"><a href="#switches">Switches</a> <a href="#keys">Keys</a>
<a href="#fields">Fields</a> <a href="#leads">Leads</a> <a href="#companies">Companies</a>
<a href="#jobs">Jobs</a> <a href="#requests">Requests</a></nav>
<dl>
{_fact("Leads", counts["leads"])}{_fact("Companies", counts["companies"])}
{_fact("Jobs", counts["jobs"])}{_fact("Jobs to do", counts["waiting_jobs"])}
{_fact("In flight, at most so far", state["peak_in_flight"])}{_fact("Clock", state["clock"])}
</dl>
<div class="forms">
{_button("reset", "Reset all switches")}
{_button("clear", "Forget leads, companies and jobs")}
{_seconds_form("clock", "Move the clock forward by seconds", 1800)}
{_seconds_form("refuse", "Refuse connections for seconds", 30)}
</div>
</header>
<main>
<h2 id="switches">Switches</h2>
<p class="quiet">A share is from 0 (never) to 1 (always); “next” makes it happen
that many times for certain.</p>
{_switches(switches, state["switches"])}
<h2 id="keys">Keys</h2>
{_keys(state["keys"], scopes)}
<h2 id="fields">Fields</h2>
{_fields(state["fields"], types)}
<h2 id="leads">Leads</h2>
{_search("email", "E-mail", search, "leads")}
{_records(leads, lead_note, ("email", "fields", "updated_at", "write_count"))}
<h2 id="companies">Companies</h2>
{_search("domain", "Domain", search, "companies")}
{_records(companies, company_note, ("domain", "name", "fields", "updated_at", "write_count"))}
<h2 id="jobs">Jobs</h2>
{_records(jobs, "The latest bulk jobs.", _JOB_COLUMNS)}
<h2 id="requests">Requests</h2>
{_records(requests, "The latest requests.", ("at", "method", "path", "status", "fault"))}
</main>
</body>
</html>
"""


def _problem(problem: str) -> str:
    return f'<p class="bad" role="alert">Not done: {escape(problem)}</p>' if problem else ""


def _fact(name: str, value: object) -> str:
    return f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>"


def _form(action: str, inside: str, *, css: str = "forms") -> str:
    return f'<form method="post" action="/__sandbox__/{action}" class="{css}">{inside}</form>'


def _button(action: str, label: str) -> str:
    return _form(action, f"<button>{escape(label)}</button>")


def _seconds_form(action: str, label: str, default: int) -> str:
    return _form(
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
            + _form("switches", f"{hidden}{table}<p><button>Save these switches</button></p>", css="")
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
    rows = "".join(
        f"<tr><td><code>{escape(each['key'])}</code></td>"
        f"<td>{escape(', '.join(each['scopes']) or 'none')}</td>"
        f"<td>{_remove('keys/remove', each['key'], key=each['key'])}</td></tr>"
        for each in keys
    )
    boxes = " ".join(
        f'<label><input type="checkbox" name="scopes" value="{scope}" checked> {scope}</label>'
        for scope in scopes
    )
    add = _form(
        "keys",
        f'<label>Key<br><input name="key" required></label> {boxes} <button>Save key</button>',
    )
    return _table("API keys and their scopes.", ("Key", "Scopes", "Remove"), rows) + f"<p></p>{add}"


def _fields(fields: Sequence[Mapping[str, Any]], types: Iterable[str]) -> str:
    rows = "".join(
        f"<tr><td>{each['entity']}</td><td><code>{escape(each['name'])}</code></td><td>{escape(each['label'])}</td>"
        f"<td>{each['type']}</td><td>{escape(', '.join(option['value'] for option in each['options']))}</td>"
        f"<td>{_remove('fields/remove', each['name'], entity=each['entity'], name=each['name'])}</td></tr>"
        for each in fields
    )
    choices = "".join(f"<option>{kind}</option>" for kind in types)
    add = _form(
        "fields",
        '<label>Of<br><select name="entity"><option>lead</option><option>company</option></select></label>'
        '<label>API name<br><input name="name" required></label>'
        '<label>Label<br><input name="label"></label>'
        f'<label>Type<br><select name="type">{choices}</select></label>'
        "<label>Options, one a line, as “value = label”<br>"
        '<textarea name="options" rows="3"></textarea></label>'
        "<button>Add or change field</button>",
    )
    heads = ("Of", "API name", "Label", "Type", "Options", "Remove")
    return _table("The fields of the account. Names are case-sensitive.", heads, rows) + f"<p></p>{add}"


def _remove(action: str, what: str, **hidden: str) -> str:
    inputs = "".join(f'<input type="hidden" name="{k}" value="{escape(v)}">' for k, v in hidden.items())
    return _form(action, f'{inputs}<button aria-label="Remove {escape(what)}">Remove</button>', css="")


def _search(name: str, label: str, search: Mapping[str, str], part: str) -> str:
    return (
        f'<form method="get" action="/__sandbox__/#{part}" class="forms"><label>{label}<br>'
        f'<input name="{name}" value="{escape(search.get(name, ""))}"></label><button>Find</button></form>'
    )


def _shown(rows: Sequence[object], total: int, searched: str | None) -> str:
    if searched:
        return "What was found." if rows else "Nothing was found."
    return f"The newest {len(rows)} of {total}."


def _records(rows: Sequence[Mapping[str, Any]], caption: str, columns: Sequence[str]) -> str:
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_cell(row[column]))}</td>" for column in columns) + "</tr>"
        for row in rows
    )
    return _table(caption, [column.replace("_", " ").capitalize() for column in columns], body)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def _table(caption: str, heads: Sequence[str], rows: str) -> str:
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    empty = f'<tr><td colspan="{len(heads)}" class="quiet">None.</td></tr>'
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows or empty}</tbody></table></div>"
    )
