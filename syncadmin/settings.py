"""Settings, from the environment (`environment.py` reads it). Every name is explained in .env.example.

With no environment at all a checkout runs in development mode on the loopback address, with its keys
made on first use and kept in DATA_DIR. DEBUG=0 is production and demands keys and hosts.
"""

import contextlib
import ipaddress
import re
import secrets
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from syncadmin import environment
from syncadmin.environment import BASE_DIR
from syncadmin.lib import logs
from syncadmin.lib.outgoing import LOOPBACK

ENV_FILE = environment.ENV_FILE

DEBUG = environment.switch("DEBUG", default=True)
DATA_DIR = environment.folder("DATA_DIR", BASE_DIR / "var")
FILES_DIR = environment.folder("FILES_DIR", DATA_DIR / "files")
UPLOADS_DIR = DATA_DIR / "uploads"
SCRATCH_DIR = environment.folder("SCRATCH_DIR", DATA_DIR / "scratch")
try:
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
except OSError as _error:
    raise ImproperlyConfigured(
        f"DATA_DIR cannot be made: {_error}. Create {DATA_DIR}, or name a folder that can be written."
    ) from None


def _development_key(name: str, make: str) -> str:
    """A key of this checkout, made on first use and readable by its owner alone."""
    path = DATA_DIR / name
    if not path.exists():
        draft = DATA_DIR / f".{name}.{secrets.token_hex(4)}"
        draft.touch(mode=0o600)
        draft.write_text(make)
        with contextlib.suppress(FileExistsError):  # another process was first: its key counts
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text().strip()


SECRET_KEY = environment.text("SECRET_KEY")
ENCRYPTION_KEYS = environment.words("ENCRYPTION_KEYS")
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = environment.words("CSRF_TRUSTED_ORIGINS")
if DEBUG:
    SECRET_KEY = SECRET_KEY or _development_key("secret-key", secrets.token_urlsafe(50))
    ENCRYPTION_KEYS = ENCRYPTION_KEYS or [_development_key("encryption-key", Fernet.generate_key().decode())]
    ALLOWED_HOSTS = ALLOWED_HOSTS or ["localhost", "127.0.0.1", "[::1]"]
else:
    for _name, _value, _how in (
        ("SECRET_KEY", SECRET_KEY, "a long random text"),
        ("ENCRYPTION_KEYS", ENCRYPTION_KEYS, "one or more Fernet keys, the newest first"),
        ("ALLOWED_HOSTS", ALLOWED_HOSTS, "the host names that people will use, separated by commas"),
    ):
        if not _value:
            raise ImproperlyConfigured(f"{_name} must be set in production (DEBUG=0): {_how}.")
for _key in ENCRYPTION_KEYS:
    try:
        Fernet(_key)
    except ValueError:
        raise ImproperlyConfigured(
            "Each of ENCRYPTION_KEYS must be a Fernet key: 32 random bytes in URL-safe base64. One is made "
            "by `python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'`."
        ) from None
for _origin in CSRF_TRUSTED_ORIGINS:
    if not _origin.startswith(("http://", "https://")):
        raise ImproperlyConfigured(
            f"Each of CSRF_TRUSTED_ORIGINS must begin with http:// or https://, unlike {_origin!r}."
        )

# Applications

INSTALLED_APPS = [
    "syncadmin",  # before django_q: its `qcluster` is the one with a time limit for stopping
    "syncadmin.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "axes",
    "django_htmx",
    "django_q",
    "syncadmin.teams",
    "destinations",
    "syncs",
]

MIDDLEWARE = [
    "syncadmin.lib.logs.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # it hides lengths, so that nothing is learnt from them
    "syncadmin.lib.content_security.middleware",
    "syncadmin.lib.request_size.middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "syncadmin.teams.views.account.SignInFirst",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "syncadmin.urls"
WSGI_APPLICATION = "syncadmin.wsgi.application"
AUTH_USER_MODEL = "teams.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
CSRF_FAILURE_VIEW = "syncadmin.teams.views.account.form_refused"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]

# Who guesses passwords is kept out for a while: `teams/throttle.py`.

AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # the page says until when
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]  # a stranger elsewhere locks nobody out
AXES_USERNAME_FORM_FIELD = "username"
AXES_USERNAME_CALLABLE = "syncadmin.teams.throttle.name_of"
AXES_CLIENT_IP_CALLABLE = "syncadmin.teams.throttle.place_of"
AXES_LOCKOUT_CALLABLE = "syncadmin.teams.views.account.locked_out"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken", "next"]
AXES_DISABLE_ACCESS_LOG = True  # the audit log tells
AXES_ENABLE_ADMIN = AXES_VERBOSE = False

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in {
        "UserAttributeSimilarityValidator": {},
        "MinimumLengthValidator": {"min_length": 12},
        "CommonPasswordValidator": {},
        "NumericPasswordValidator": {},
    }.items()
]

# Database


def _database() -> dict[str, Any]:
    """The database as Django wants it. Its address may hold a password, so errors do not repeat it."""
    if not environment.text("DATABASE_URL"):
        database: dict[str, Any] = {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(DATA_DIR / "syncadmin.sqlite3"),
        }
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they repeat the password
            try:
                database = environment.env.db_url("DATABASE_URL")
            except (ValueError, ImproperlyConfigured):
                database = {}
    engine, name = database.get("ENGINE"), str(database.get("NAME", ""))
    if engine == "django.db.backends.sqlite3" and name != ":memory:":
        path = (BASE_DIR / Path(name).expanduser()).resolve()
        if not path.parent.is_dir():
            raise ImproperlyConfigured(f"DATABASE_URL names a folder that is not there: {path.parent}")
        options = {
            "timeout": 30,
            "transaction_mode": "IMMEDIATE",  # without it two workers lose updates: "database is locked"
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8000;",
        }
        return database | {"NAME": str(path), "OPTIONS": options}
    if engine == "django.db.backends.postgresql" and name:
        kept = environment.number("DATABASE_CONN_MAX_AGE", 60, least=0, most=86400)
        return database | {"CONN_MAX_AGE": kept, "CONN_HEALTH_CHECKS": True}
    raise ImproperlyConfigured(
        "DATABASE_URL must be sqlite:////folder/file.sqlite3 or postgres://user:password@host:5432/name. "
        "(Signs such as @ : / # ? % in the password must be percent-encoded.)"
    )


DATABASES = {"default": _database()}
# SQLite has no columns beside an index, which PostgreSQL answers questions from: it leaves them out.
SILENCED_SYSTEM_CHECKS = ["models.W040"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The queue: a doorbell. Truth is in the runs, so a lost or doubled task does no harm.

WORKERS = environment.number("WORKERS", 2, least=1, most=64)
SLICE_SECONDS = environment.number("SLICE_SECONDS", 20, least=1, most=600)
KEEP_DAYS = environment.number("KEEP_DAYS", 14, least=1, most=3650)
EXCHANGES_KEEP_DAYS = environment.number("EXCHANGES_KEEP_DAYS", KEEP_DAYS, least=1, most=KEEP_DAYS)
HISTORY_KEEP_DAYS = environment.number("HISTORY_KEEP_DAYS", max(400, KEEP_DAYS), least=KEEP_DAYS, most=36_500)
KEEP_EXCHANGES_MB = environment.number("KEEP_EXCHANGES_MB", 2_000, least=1, most=10_000_000)
KEEP_PAYLOADS_MB = environment.number("KEEP_PAYLOADS_MB", 2_000, least=1, most=10_000_000)
KEEP_RECORDS_MB = environment.number("KEEP_RECORDS_MB", 2_000, least=1, most=10_000_000)

# For how many hours a run that a brake holds waits for somebody's approval.
APPROVAL_HOURS = environment.number("APPROVAL_HOURS", 24, least=1, most=720)

# How old the list of a destination's fields may be when a run begins; older ones are asked for again.
FIELDS_LAST_SECONDS = environment.number("FIELDS_LAST_SECONDS", 60, least=0, most=86_400)
TASK_TIMEOUT_SECONDS = environment.number("TASK_TIMEOUT_SECONDS", 6 * 3600, least=600, most=7 * 86400)
Q_CLUSTER = {
    "name": "syncadmin",
    "orm": "default",
    "workers": WORKERS,
    "timeout": TASK_TIMEOUT_SECONDS,  # planning is one task; it holds a lease while it lives
    "retry": TASK_TIMEOUT_SECONDS + 600,  # must be more, or a long task is started again beside itself
    "max_attempts": 2,
    "ack_failures": True,
    "catch_up": False,
    "queue_limit": WORKERS,
    "bulk": 1,
    "poll": 0.5,
    "save_limit": -1,  # the runs are the history; only failed tasks are kept
    "label": "Queue",
    "scheduler": True,
    "max_rss": 600_000,  # kB; a pool member that grew beyond it is replaced between tasks
}

# The wire

HTTPS_PROXY = environment.text("HTTPS_PROXY") or environment.text("https_proxy")
HTTP_PROXY = environment.text("HTTP_PROXY") or environment.text("http_proxy")
NO_PROXY = environment.text("NO_PROXY") or environment.text("no_proxy")
# Networks that destinations, sources and webhooks may be in, beside public addresses: `lib/outgoing.py`.
ALLOWED_NETWORKS = environment.networks("ALLOWED_NETWORKS")
CA_BUNDLE = environment.text("REQUESTS_CA_BUNDLE") or environment.text("SSL_CERT_FILE")

ALLOWED_DOMAINS = frozenset(
    word.lower() for word in environment.words("ALLOWED_DOMAINS")
)  # by guards of all teams
BLOCKED_DOMAINS = frozenset(word.lower() for word in environment.words("BLOCKED_DOMAINS"))
for _domain in ALLOWED_DOMAINS | BLOCKED_DOMAINS:
    if not re.fullmatch(r"([a-z0-9-]+\.)+[a-z0-9-]+", _domain):
        raise ImproperlyConfigured(f"Mail domains must be such as acme.com, not {_domain!r}.")

# E-mail: how a forgotten password is set anew.


def _mail() -> dict[str, Any]:
    """Django's settings of e-mail. The address may hold a password, so errors do not repeat it."""
    console = "django.core.mail.backends.console.EmailBackend"
    text = environment.text("EMAIL_URL")
    if not text:
        return {"EMAIL_BACKEND": console}  # in production nothing is sent: see SENDS_MAIL
    try:
        mail = dict(environment.env.email_url_config(text))
    except (ValueError, ImproperlyConfigured):
        mail = {}
    host, backend = mail.get("EMAIL_HOST"), mail.get("EMAIL_BACKEND", "")
    if backend != console and not (backend.endswith("smtp.EmailBackend") and host):
        raise ImproperlyConfigured(
            "EMAIL_URL must be smtp+tls://user:password@host:587, smtp+ssl://user:password@host:465, "
            "smtp://host:25 or consolemail://. (Signs such as @ : / # ? % in the password must be "
            "percent-encoded.)"
        )
    usual = 465 if mail.get("EMAIL_USE_SSL") else 587 if mail.get("EMAIL_USE_TLS") else 25
    login = {name: mail[name] or "" for name in ("EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD")}
    return mail | login | {"EMAIL_PORT": mail["EMAIL_PORT"] or usual}


_MAIL = _mail()
SENDS_MAIL = DEBUG or bool(environment.text("EMAIL_URL"))
EMAIL_BACKEND = _MAIL["EMAIL_BACKEND"]
EMAIL_HOST = _MAIL.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = _MAIL.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _MAIL.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = _MAIL.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = _MAIL.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _MAIL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = environment.text("EMAIL_FROM") or "syncadmin@localhost"
if not DEBUG and SENDS_MAIL and not environment.text("EMAIL_FROM"):
    raise ImproperlyConfigured("EMAIL_FROM must be set with EMAIL_URL: the address that e-mails come from.")
PASSWORD_RESET_TIMEOUT = 24 * 3600  # the e-mail says so: templates/registration/password_reset_email.txt

# The supervisor (`manage.py up`)


def _address() -> str:
    """Where the pages are served: an IP address or a host name of this machine, without a port."""
    text = environment.text("ADDRESS").strip("[]") or "127.0.0.1"
    try:
        ipaddress.ip_address(text)
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", text):
            raise ImproperlyConfigured(
                f"ADDRESS must be an IP address or a host name without a port, not {text!r}."
            ) from None
    return text


ADDRESS = _address()


def _oauth_apps() -> dict[str, tuple[str, str]]:
    """Apps to sign in with at services, by destination: (client id, client secret)."""
    found = {}
    for word in environment.words("OAUTH_APPS"):
        parts = word.split(":")
        if len(parts) != 3 or not all(parts):
            raise ImproperlyConfigured("OAUTH_APPS must be a list of destination:client_id:client_secret.")
        found[parts[0]] = (parts[1], parts[2])
    return found


OAUTH_APPS = _oauth_apps()
PORT = environment.number("PORT", 8000, least=1, most=65535)
WEB_WORKERS = environment.number("WEB_WORKERS", 2, least=1, most=64)
SANDBOX = environment.switch("SANDBOX", default=False)
SANDBOX_PORT = environment.number("SANDBOX_PORT", 9001, least=1, most=65535)
STUCK_SECONDS = environment.number("STUCK_SECONDS", 20, least=1, most=3600)

if DEBUG or SANDBOX:  # what is tried out is on this machine
    ALLOWED_NETWORKS = (*ALLOWED_NETWORKS, *LOOPBACK)

METRICS_TOKEN = environment.text("METRICS_TOKEN")

# Pages

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = DEBUG

# Who makes teams: superusers, or everybody who can sign in.
ANYBODY_MAKES_TEAMS = environment.switch("ANYBODY_MAKES_TEAMS", default=False)

# Security: DEBUG=0 stands behind TLS, unless the operator says otherwise.

BEHIND_TLS = environment.switch("BEHIND_TLS", default=not DEBUG)
_HOST = next((one.lstrip(".") for one in ALLOWED_HOSTS if one != "*"), "localhost")
SITE_URL = environment.site(
    "SITE_URL", f"http://{_HOST}:{PORT}" if DEBUG else f"{'https' if BEHIND_TLS else 'http'}://{_HOST}"
)
TRUST_PROXY = environment.switch("TRUST_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUST_PROXY else None
SESSION_COOKIE_AGE = 86_400 * environment.number("SESSION_DAYS", 14, least=1, most=365)
SESSION_COOKIE_NAME = "__Host-sessionid" if BEHIND_TLS else "sessionid"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = BEHIND_TLS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]  # load balancers ask without TLS
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000_000  # a suppression list has up to 100,000 pasted keys
MOST_REQUEST_BYTES = 60_000_000  # a file of 50 MB, and what stands around it
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000  # a mapping has up to 1,000 rows of several fields each

# Logs: one line each, never a row's values or a secret.

LOGGING = logs.configuration(
    level=environment.choice("LOG_LEVEL", "INFO", logs.LEVELS),
    queue_level=environment.choice("QUEUE_LOG_LEVEL", "WARNING", logs.LEVELS),
    form=environment.choice("LOG_FORMAT", "LINE", ("LINE", "JSON")),
)
