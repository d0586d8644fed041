// Line numbers beside a box of text; without this it is a plain box. Returns their element.
function numberLines(box) {
  const gutter = document.createElement("pre");
  gutter.className = "gutter";
  gutter.setAttribute("aria-hidden", "true");
  box.before(gutter);
  const number = () => {
    const count = box.value.split("\n").length;
    gutter.textContent = Array.from({ length: count }, (_, line) => line + 1).join("\n");
    gutter.scrollTop = box.scrollTop;
  };
  box.addEventListener("input", number);
  box.addEventListener("scroll", () => {
    gutter.scrollTop = box.scrollTop;
  });
  number();
  return gutter;
}
