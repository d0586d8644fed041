// A form that was opened before its reader signed in again holds an old token, and would be refused. The
// cookie holds the one that counts now, and Django takes it as it is: so "go back and send it again" works.
document.addEventListener("submit", (event) => {
  const field = event.target.querySelector('input[name="csrfmiddlewaretoken"]');
  const cookie = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
  if (field && cookie) field.value = decodeURIComponent(cookie[1]);
}, true);

// A new account begins in the time zone of its browser. Without this script it begins in UTC.
for (const field of document.querySelectorAll("input[data-time-zone]")) {
  field.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone;
}
