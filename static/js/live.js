// A part that refreshes itself must not swap in the log-in page: if we were sent elsewhere, go there whole.
document.addEventListener("htmx:beforeSwap", (event) => {
  const answered = event.detail.xhr.responseURL;
  if (answered && new URL(answered).pathname !== event.detail.requestConfig.path.split("?")[0]) {
    event.detail.shouldSwap = false;
    window.location.reload();
  }
});
