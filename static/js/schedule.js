// The next times follow what is typed. Without this there is a button that shows them.
"use strict";

const form = document.getElementById("schedule-form");
let asked = 0;

async function showTimes() {
  const mine = ++asked;
  const typed = new FormData(form);
  typed.set("action", "times");
  try {
    const answer = await fetch(location.href, { method: "POST", body: typed });
    if (mine !== asked || answer.redirected || ![200, 422].includes(answer.status)) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("times");
    if (fresh) document.getElementById("times").replaceWith(fresh);
  } catch {
    // The server is away for a moment: the button asks again.
  }
}

form.addEventListener("change", showTimes);
