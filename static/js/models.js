// The SQL box: line numbers beside it, and Ctrl+Enter (or Cmd+Enter) runs the query. Without this it is a plain box.
const box = document.getElementById("id_sql");
if (box) {
  const gutter = numberLines(box);
  const fit = () => {
    gutter.style.height = `${box.offsetHeight}px`;
  };

  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      box.form.requestSubmit(box.form.querySelector("button[name=run]"));
    }
  });
  new ResizeObserver(fit).observe(box);
  fit();
}
