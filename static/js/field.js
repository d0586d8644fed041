// One field's page: while somebody types, the rows are tried again and what is wrong is told anew. The server
// draws the whole page of what stands in the form, and keeps nothing of it; the parts that are marked are taken
// over. Without this there is a button that does.
"use strict";

const PAUSE = 350;
const form = document.getElementById("field-form");

if (form) {
  const here = document.getElementById("live");
  let waiting = 0;
  let asking = null;
  let isTyped = false;

  const token = () => {
    const cookie = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
    return cookie ? decodeURIComponent(cookie[1]) : "";
  };

  const takeOver = (page) => {
    for (const fresh of page.querySelectorAll("[data-live]")) {
      const old = document.getElementById(fresh.id);
      if (old && old.innerHTML !== fresh.innerHTML) old.replaceWith(fresh);
    }
    for (const box of form.querySelectorAll("input[id], select[id], textarea[id]")) {
      const fresh = page.getElementById(box.id);
      if (!fresh) continue;
      for (const name of ["aria-invalid", "aria-describedby"]) {
        if (fresh.hasAttribute(name)) box.setAttribute(name, fresh.getAttribute(name));
        else box.removeAttribute(name);
      }
    }
    for (const step of form.querySelectorAll(".chain > li")) {
      const fresh = page.getElementById(step.id);
      if (!fresh) continue;
      step.className = fresh.className;
      step.querySelector("legend").textContent = fresh.querySelector("legend").textContent;
    }
  };

  const tryIt = async () => {
    if (asking) asking.abort();
    asking = new AbortController();
    const typed = new FormData(form);
    typed.set("action", "live");
    typed.set("csrfmiddlewaretoken", token());
    here.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(location.href, { method: "POST", body: typed, signal: asking.signal });
      if (answer.ok && !answer.redirected) {
        takeOver(new DOMParser().parseFromString(await answer.text(), "text/html"));
      }
    } catch {
      return; // another try is on its way, or the server is away for a moment
    }
    here.removeAttribute("aria-busy");
  };

  const soon = (event) => {
    if (event.target.name === "add-verb") return;
    isTyped = true;
    clearTimeout(waiting);
    waiting = setTimeout(tryIt, PAUSE);
  };
  // What was typed before this ran, or what the browser put back for somebody who came back.
  const isChanged = (box) => {
    if (box.type === "radio" || box.type === "checkbox") return box.checked !== box.defaultChecked;
    if (box.tagName === "SELECT") {
      return box.selectedIndex !== Math.max(0, [...box.options].findIndex((one) => one.defaultSelected));
    }
    return ["TEXTAREA", "INPUT"].includes(box.tagName) && box.type !== "hidden" && box.value !== box.defaultValue;
  };
  const catchUp = () => {
    if (isTyped || ![...form.elements].some((box) => box.name !== "add-verb" && isChanged(box))) return;
    isTyped = true;
    tryIt();
  };
  catchUp();
  window.addEventListener("pageshow", catchUp);

  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  form.addEventListener("submit", (event) => {
    if (event.submitter && event.submitter.id === "enter") {
      event.preventDefault(); // Enter in a box tries it, and stays there
      tryIt();
      return;
    }
    isTyped = false;
    clearTimeout(waiting);
    if (asking) asking.abort();
  });
  window.addEventListener("beforeunload", (event) => {
    if (isTyped) event.preventDefault();
  });

  // The template: line numbers beside it, and a click on a column writes it where the cursor is.
  const box = document.getElementById("template");
  numberLines(box);
  for (const snippet of form.querySelectorAll("code.snippet")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = snippet.textContent;
    button.addEventListener("click", () => {
      box.setRangeText(snippet.textContent, box.selectionStart, box.selectionEnd, "end");
      box.dispatchEvent(new Event("input", { bubbles: true }));
      box.focus();
    });
    snippet.hidden = true;
    snippet.before(button);
  }
}
