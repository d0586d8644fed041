// "/" leads to the search, wherever one is not typing already.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const box = document.getElementById("find") || document.getElementById("id_what");
  if (!box) return;
  event.preventDefault();
  box.focus();
  box.select();
});
