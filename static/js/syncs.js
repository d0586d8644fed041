// While rows are counted, the page looks again by itself. Without script there is a link that does.
"use strict";

const PAUSE = 2000;

async function look() {
  const here = document.getElementById("progress");
  if (!here || !("refresh" in here.dataset)) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.ok && !answer.redirected) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("progress");
      if (fresh && fresh.textContent !== here.textContent) here.replaceWith(fresh);
    } else if (answer.redirected) {
      location.assign(answer.url);
      return;
    }
  } catch {
    // The server is away for a moment: look again later.
  }
  setTimeout(look, PAUSE);
}

setTimeout(look, PAUSE);
