// The mapping: lists to search instead of long selects, and a warning before what was typed is left behind.
// The selects and inputs that stand in the page keep their names and are what is sent; without this they are used.
"use strict";

const MOST_SHOWN = 100;
const COLUMN = "column:";
const FIELD = "field:";
const FIXED = "value";
const KEPT = "kept:";
const NAMED = "name";

const form = document.getElementById("mapping-form");
const told = document.getElementById("mapping-offer");
const offer = told ? JSON.parse(told.textContent) : { columns: [], fields: [], groups: [] };
const columnsByName = new Map(offer.columns.map((one) => [one.n, one]));
const fieldsByKey = new Map(offer.fields.map((one) => [one.k, one]));

const element = (name, parts = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(parts)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== ""));
  return made;
};
const bdi = (text) => element("bdi", {}, text);
const said = (parts, to = []) => {
  for (const part of parts.filter(Boolean)) to.push(...(to.length ? [" · "] : []), part);
  return to;
};

// What can be chosen

const columnItem = (one) => ({
  value: COLUMN + one.n,
  text: one.n,
  words: `${one.n} ${one.t ?? ""} ${(one.s ?? []).join(" ")}`.toLowerCase(),
  names: [one.n.toLowerCase()],
  about: said([one.t, ...(one.s ?? []).map(bdi), one.e ? `${one.e}% empty` : ""]),
});
const fieldItem = (one) => {
  const label = one.l ?? one.k;
  const marks = [one.r && "required", one.c && "custom", one.u && "not verified"].filter(Boolean);
  return {
    value: FIELD + one.k,
    text: label,
    words: [label, one.k, one.t, ...marks, offer.groups[one.g ?? 0], ...(one.o ?? [])].join(" ").toLowerCase(),
    names: [label.toLowerCase(), one.k.toLowerCase()],
    about: said([element("code", {}, bdi(one.k)), one.t, ...marks]),
    group: offer.groups[one.g ?? 0],
    options: one.o ?? [],
    off: one.w ?? "",
    help: one.h ?? "",
  };
};
const COLUMNS = offer.columns.map(columnItem);
const FIELDS = offer.fields.map(fieldItem);
const FIXED_ITEM = { value: FIXED, text: "A fixed value", words: "a fixed value", names: ["a fixed value"], about: ["The same for every row"] };

// A box with a list: the combobox of ARIA 1.2, with one list in the page for all of them

const list = element("div", { className: "combo-list", id: "combo-list", role: "listbox", tabIndex: -1 });
const foot = element("p", { className: "combo-foot" });
const popup = element("div", { className: "combo-popup", hidden: true }, list, foot);
const status = element("div", { className: "visually-hidden", role: "status" });
let open = null; // the box whose list is shown
let shown = []; // its items, in the order of the list
let active = -1;

class Box {
  // `others` are all boxes of the same list, `row` is the number of its row.
  constructor(input, { items, choose, current, extras, none, label, others, row }) {
    Object.assign(this, { input, items, choose, current, extras, none, others, row });
    others.push(this);
    this.isTyped = false;
    Object.assign(input, { autocomplete: "off", spellcheck: false, type: "text" });
    for (const [name, value] of Object.entries({
      role: "combobox",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-haspopup": "listbox",
      "aria-controls": list.id,
      autocapitalize: "none",
    })) input.setAttribute(name, value);
    this.label = label;
    input.addEventListener("input", () => {
      this.isTyped = true;
      this.show();
    });
    input.addEventListener("click", () => (open === this ? null : this.show(true)));
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("blur", () => this.settle());
    this.refresh();
  }

  refresh() {
    this.input.value = this.current()?.text ?? "";
    this.isTyped = false;
  }

  // Items that have all the words that were typed, those whose name begins with them first.
  found(everything) {
    const typed = everything ? "" : this.input.value.trim().toLowerCase();
    const all = [...this.extras(), ...this.items];
    if (!typed) return all;
    const words = typed.split(/\s+/);
    const rank = (item) =>
      item.names.some((name) => name === typed) ? 0
      : item.names.some((name) => name.startsWith(typed)) ? 1
      : item.names.some((name) => name.includes(typed)) ? 2
      : 3;
    return all
      .filter((item) => words.every((word) => item.words.includes(word)))
      .map((item, at) => ({ item, at, rank: rank(item) }))
      .sort((a, b) => a.rank - b.rank || a.at - b.at)
      .map(({ item }) => item);
  }

  show(everything = !this.isTyped) {
    const typed = everything ? "" : this.input.value.trim();
    const found = this.found(everything);
    shown = found.slice(0, MOST_SHOWN);
    if (typed && !found.length) shown = this.none(typed);
    const current = this.current()?.value;
    this.elsewhere = new Map();
    for (const box of this.others) {
      const value = box === this ? "" : box.current()?.value;
      if (value) this.elsewhere.set(value, box.row);
    }
    const parts = [];
    let group = "";
    shown.forEach((item, at) => {
      if (!typed && item.group && item.group !== group) {
        group = item.group;
        parts.push(element("div", { className: "combo-group", role: "presentation" }, group));
      }
      parts.push(this.drawn(item, at, current, typed));
    });
    list.replaceChildren(...parts);
    list.setAttribute("aria-label", this.label);
    foot.textContent =
      found.length > shown.length && found.length ? `${found.length - shown.length} more: type more of the name.`
      : typed && !found.length ? `Nothing fits “${typed}”.`
      : "";
    foot.hidden = !foot.textContent;
    if (open !== this) {
      this.input.after(popup);
      popup.hidden = false;
      open = this;
      this.input.setAttribute("aria-expanded", "true");
    }
    if (popup.getBoundingClientRect().bottom > innerHeight) popup.scrollIntoView({ block: "nearest" });
    const chosen = shown.findIndex((item) => item.value === current);
    this.point(typed ? shown.findIndex((item) => !item.off) : chosen);
    status.textContent = found.length ? `${found.length} ${found.length === 1 ? "entry" : "entries"}` : foot.textContent;
  }

  drawn(item, at, current, typed) {
    const about = [...(item.about ?? [])].map((part) => (part.cloneNode ? part.cloneNode(true) : part));
    const word = typed.toLowerCase();
    const option = word && !item.names.some((name) => name.includes(word))
      ? (item.options ?? []).find((one) => one.toLowerCase().includes(word))
      : undefined;
    if (option) about.push(" · choice ", bdi(option));
    const row = item.value && item !== FIXED_ITEM ? this.elsewhere.get(item.value) : undefined;
    if (row) about.push(` · in row ${row}`);
    if (item.off) about.push(` · ${item.off}`);
    return element(
      "div",
      {
        className: "combo-option",
        id: `combo-option-${at}`,
        role: "option",
        "aria-selected": String(item.value === current),
        "aria-disabled": String(Boolean(item.off)),
      },
      element("span", { className: "combo-name" }, bdi(item.text)),
      element("span", { className: "combo-about" }, ...about),
    );
  }

  point(at) {
    active = at;
    for (const option of list.querySelectorAll(".combo-option.active")) option.classList.remove("active");
    const option = document.getElementById(`combo-option-${at}`);
    if (option) {
      option.classList.add("active");
      option.scrollIntoView({ block: "nearest" });
      this.input.setAttribute("aria-activedescendant", option.id);
    } else {
      this.input.removeAttribute("aria-activedescendant");
    }
  }

  hide() {
    if (open !== this) return;
    popup.hidden = true;
    open = null;
    active = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (step) {
      event.preventDefault();
      if (open !== this) return this.show();
      const last = shown.length - 1;
      const to = active < 0 ? (step > 0 ? 0 : last) : active + step;
      this.point(Math.abs(step) === 1 ? (to > last ? 0 : to < 0 ? last : to) : Math.max(0, Math.min(last, to)));
    } else if (event.key === "Enter" && open === this) {
      event.preventDefault();
      if (active >= 0) this.take(shown[active]);
      else this.settle();
    } else if (event.key === "Escape" && open === this) {
      event.preventDefault();
      this.refresh();
      this.hide();
    }
    return undefined;
  }

  take(item) {
    if (item.off) return;
    this.hide();
    if (item.act) {
      this.settle(); // what was typed stays in the row
      item.act();
      return;
    }
    this.isTyped = false;
    this.choose(item.value);
    this.refresh();
  }

  // Left with something typed: the entry of that name, or the only one with it in its name; else it is a name.
  settle() {
    this.hide();
    if (!this.isTyped) return;
    const typed = this.input.value.trim();
    const all = [...this.extras(), ...this.items].filter((item) => !item.off);
    const named = all.filter((item) => item.names.includes(typed.toLowerCase()));
    const exact = named.find((item) => item.text === typed || item.value.endsWith(typed)) ?? named[0];
    const found = all.filter((item) => item.names.some((name) => name.includes(typed.toLowerCase())));
    if (!typed) this.choose("");
    else if (exact) this.choose(exact.value);
    else if (found.length === 1) this.choose(found[0].value);
    else this.choose(null, typed);
    this.refresh();
  }
}

list.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
list.addEventListener("click", (event) => {
  const option = event.target.closest(".combo-option");
  if (open && option) open.take(shown[Number(option.id.replace("combo-option-", ""))]);
});

// The rows

const press = (value) => form.querySelector(`button[value="${value}"]`).click();
const changed = (control) => control.dispatchEvent(new Event("change", { bubbles: true }));
const pick = (select, value, text) => {
  if (![...select.options].some((option) => option.value === value)) select.append(element("option", { value }, text));
  select.value = value;
  changed(select);
};
const asInput = (control) => {
  // The box takes the place, the name for people and the errors of what it stands for; that goes on being sent.
  const input = element("input", { className: "combo", id: control.id });
  for (const name of ["aria-invalid", "aria-describedby"]) {
    const error = control.closest(".map-part").querySelector(`[${name}]`);
    if (error && !error.closest(".map-more")) input.setAttribute(name, error.getAttribute(name));
  }
  control.removeAttribute("id");
  return input;
};
const tell = (part, about, help = "") => {
  const line = part.querySelector(".map-about");
  line.replaceChildren(...[...(about ?? [])].map((one) => (one.cloneNode ? one.cloneNode(true) : one)));
  let more = part.querySelector(".map-help");
  if (!more && help) line.after((more = element("p", { className: "help map-help" })));
  if (more) more.textContent = help;
};

const sources = [];
const targets = [];

const sourceBox = (row, number) => {
  const part = row.querySelector(".map-source");
  const select = part.querySelector("select");
  const column = part.querySelector("input.typed-column"); // where names are typed
  const carrier = part.querySelector(".map-typed") ?? select;
  const kept = [...select.options].find((option) => option.value.startsWith(KEPT));
  const keptItem = kept && { value: kept.value, text: kept.text, words: kept.text.toLowerCase(), names: [kept.text.toLowerCase()], about: ["As it is now"] };
  const input = asInput(select);
  carrier.hidden = true;
  carrier.after(input);
  input.placeholder = "Choose a column";
  const columnNow = () => (column ? (select.value === "typed" ? column.value : "") : select.value.startsWith(COLUMN) ? select.value.slice(COLUMN.length) : "");
  const current = () => {
    if (select.value === FIXED) return FIXED_ITEM;
    if (keptItem && select.value === keptItem.value) return keptItem;
    const name = columnNow();
    const known = columnsByName.get(name);
    return name ? (known ? columnItem(known) : { value: COLUMN + name, text: name }) : null;
  };
  const choose = (value, typed) => {
    const wanted = value === null ? COLUMN + typed : value;
    if (wanted === FIXED || wanted.startsWith(KEPT)) {
      select.value = wanted;
    } else if (column) {
      select.value = "typed";
      column.value = wanted.slice(COLUMN.length);
    } else {
      pick(select, wanted, wanted.slice(COLUMN.length));
    }
    changed(select);
    tell(part, wanted.startsWith(COLUMN) ? current()?.about : []);
  };
  return new Box(input, {
    items: COLUMNS,
    choose,
    current,
    label: "Columns",
    others: sources,
    row: number,
    extras: () => [FIXED_ITEM, ...(keptItem ? [keptItem] : [])],
    none: (typed) => [{ value: COLUMN + typed, text: `Use the name “${typed}”`, names: [], words: "", about: ["The model returns no such column now"] }],
  });
};

const fieldBox = (row, number) => {
  const part = row.querySelector(".map-field");
  const select = part.querySelector("select");
  const typedName = part.querySelector('input[name$="-to"]');
  const name = part.querySelector('input[name$="-name"]');
  const control = select ?? typedName;
  const input = asInput(control);
  control.hidden = true;
  control.removeAttribute("list");
  control.after(input);
  input.placeholder = "Choose a field";
  const keyNow = () => {
    if (typedName) return typedName.value;
    return select.value === NAMED ? name.value : select.value.replace(FIELD, "");
  };
  const current = () => {
    const key = keyNow();
    const known = fieldsByKey.get(key);
    return key ? (known ? fieldItem(known) : { value: FIELD + key, text: key }) : null;
  };
  const choose = (value, typed) => {
    const key = value === null ? typed : value.replace(FIELD, "");
    if (typedName) {
      typedName.value = key;
      changed(typedName);
    } else if (key && !fieldsByKey.has(key)) {
      name.value = key;
      select.value = NAMED;
      changed(select);
    } else {
      select.value = key ? FIELD + key : "";
      changed(select);
    }
    const known = current();
    tell(part, key && !known.about ? [element("span", { className: "badge" }, "Not verified")] : known?.about, known?.help);
  };
  return new Box(input, {
    items: FIELDS,
    choose,
    current,
    label: "Fields",
    others: targets,
    row: number,
    extras: () => [],
    none: (typed) => [
      { value: FIELD + typed, text: `Use the name “${typed}”`, names: [], words: "", about: ["You know its API name: it is not verified before the first row is sent"] },
      { value: "", text: "Refresh fields", names: [], words: "", about: ["It was made there a moment ago, or this sign-in may see it only now"], act: () => press("refresh") },
      { value: "", text: "Not created there yet, or no right to see it?", names: [], words: "", about: ["What to do then"], act: explain },
    ],
  });
};

const explain = () => {
  const why = document.getElementById("missing-field");
  why.open = true;
  why.querySelector("summary").focus();
};

if (form && told) {
  document.body.append(status);
  form.querySelectorAll(".map-row").forEach((row, at) => {
    sourceBox(row, at + 1);
    fieldBox(row, at + 1);
  });
  form.classList.add("has-boxes");
  document.getElementById("mapping-errors")?.focus();
}

// What was typed since the page came, and is not yet kept

const isChanged = (control) => {
  if (control.tagName === "SELECT") {
    const options = [...control.options];
    const first = options.find((option) => option.defaultSelected) ?? options[0];
    return control.selectedOptions[0] !== first;
  }
  return control.name && control.type !== "hidden" && control.value !== control.defaultValue;
};
let isSent = false;

if (form) {
  addEventListener("beforeunload", (event) => {
    if (!isSent && [...form.elements].some((control) => control.name?.startsWith("row-") && isChanged(control))) {
      event.preventDefault();
    }
  });
  document.addEventListener("submit", () => {
    isSent = true;
  });
  addEventListener("pageshow", () => {
    isSent = false;
  });
}
