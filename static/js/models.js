// The SQL box: line numbers beside it, and Ctrl+Enter (or Cmd+Enter) runs the query. Without this it is a plain box.
const box = document.getElementById("id_sql");
if (box) {
  const gutter = document.createElement("pre");
  gutter.className = "gutter";
  gutter.setAttribute("aria-hidden", "true");
  box.before(gutter);

  const number = () => {
    const count = box.value.split("\n").length;
    gutter.textContent = Array.from({ length: count }, (_, line) => line + 1).join("\n");
    gutter.scrollTop = box.scrollTop;
  };
  const fit = () => {
    gutter.style.height = `${box.offsetHeight}px`;
  };

  box.addEventListener("input", number);
  box.addEventListener("scroll", () => {
    gutter.scrollTop = box.scrollTop;
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      box.form.requestSubmit(box.form.querySelector("button[name=run]"));
    }
  });
  new ResizeObserver(fit).observe(box);
  number();
  fit();
}
