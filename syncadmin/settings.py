"""Settings. The only place that reads the environment; every name is explained in .env.example.

With no environment at all a checkout runs in development mode on the loopback address, with its keys
made on first use and kept in DATA_DIR. DEBUG=0 is production and demands keys and hosts.
"""

import secrets
import sys
from pathlib import Path

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
_env_file = env.str("ENV_FILE", default=str(BASE_DIR / ".env"))
if _env_file and Path(_env_file).is_file():
    env.read_env(_env_file)


def _number(name: str, default: int, *, least: int, most: int) -> int:
    """A whole number from the environment, within its bounds."""
    text = env.str(name, default=str(default))
    if not text.strip().isdecimal() or not least <= int(text) <= most:
        raise ImproperlyConfigured(f"{name} must be a whole number from {least} to {most}, not {text!r}.")
    return int(text)


def _switch(name: str, *, default: bool) -> bool:
    text = env.str(name, default="1" if default else "0").strip().lower()
    if text not in {"0", "1", "true", "false", "yes", "no", "on", "off"}:
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {text!r}.")
    return text in {"1", "true", "yes", "on"}


DEBUG = _switch("DEBUG", default=True)
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).expanduser().resolve()
FILES_DIR = Path(env.str("FILES_DIR", default=str(DATA_DIR / "files"))).expanduser().resolve()
SCRATCH_DIR = Path(env.str("SCRATCH_DIR", default=str(DATA_DIR / "scratch"))).expanduser().resolve()


def _development_key(name: str, make: str) -> str:
    """A key of this checkout, made on first use and readable by its owner alone."""
    path = DATA_DIR / name
    if not path.exists():
        DATA_DIR.mkdir(parents=True, exist_ok=True)
        draft = DATA_DIR / f".{name}.{secrets.token_hex(4)}"
        draft.touch(mode=0o600)
        draft.write_text(make)
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass  # another process was first: its key counts
        draft.unlink()
    return path.read_text().strip()


SECRET_KEY = env.str("SECRET_KEY", default="")
ENCRYPTION_KEYS = [key for key in env.list("ENCRYPTION_KEYS", default=[]) if key]
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
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
            "Each of ENCRYPTION_KEYS must be a Fernet key: 32 random bytes in URL-safe base64. "
            "`python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'` makes one."
        ) from None

# Applications

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_q",
    "syncadmin.teams",
    "destinations",
    "syncs",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "syncadmin.urls"
WSGI_APPLICATION = "syncadmin.wsgi.application"
AUTH_USER_MODEL = "teams.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

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

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# Database

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'syncadmin.sqlite3'}")}
_database = DATABASES["default"]
if _database["ENGINE"] == "django.db.backends.sqlite3":
    Path(_database["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    _database["OPTIONS"] = {
        "timeout": 30,
        "transaction_mode": "IMMEDIATE",  # without it two workers lose updates: "database is locked"
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8000;",
    }
elif _database["ENGINE"] == "django.db.backends.postgresql":
    _database["CONN_MAX_AGE"] = _number("DATABASE_CONN_MAX_AGE", 60, least=0, most=86400)
    _database["CONN_HEALTH_CHECKS"] = True
else:
    raise ImproperlyConfigured("DATABASE_URL must be a sqlite:/// or postgres:// address.")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The queue: a doorbell. Truth is in the runs, so a lost or doubled task does no harm.

WORKERS = _number("WORKERS", 2, least=1, most=64)
SLICE_SECONDS = _number("SLICE_SECONDS", 20, least=1, most=600)
TASK_TIMEOUT_SECONDS = _number("TASK_TIMEOUT_SECONDS", 6 * 3600, least=600, most=7 * 86400)
Q_CLUSTER = {
    "name": "syncadmin",
    "orm": "default",
    "workers": WORKERS,
    "timeout": TASK_TIMEOUT_SECONDS,  # planning is one task; it holds a lease while it lives
    "retry": TASK_TIMEOUT_SECONDS + 600,
    "max_attempts": 2,
    "ack_failures": True,
    "catch_up": False,
    "queue_limit": WORKERS,
    "bulk": 1,
    "poll": 0.5,
    "save_limit": 100,
    "label": "Queue",
    "scheduler": True,
    "max_rss": 600_000,  # kB; a pool member that grew beyond it is replaced between tasks
}

# The wire

HTTPS_PROXY = env.str("HTTPS_PROXY", default=env.str("https_proxy", default=""))
HTTP_PROXY = env.str("HTTP_PROXY", default=env.str("http_proxy", default=""))
NO_PROXY = env.str("NO_PROXY", default=env.str("no_proxy", default=""))
CA_BUNDLE = env.str("REQUESTS_CA_BUNDLE", default=env.str("SSL_CERT_FILE", default=""))

# The supervisor (`manage.py up`)

ADDRESS = env.str("ADDRESS", default="127.0.0.1")
PORT = _number("PORT", 8000, least=1, most=65535)
SANDBOX = _switch("SANDBOX", default=False)
SANDBOX_PORT = _number("SANDBOX_PORT", 9001, least=1, most=65535)

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

# Security: DEBUG=0 stands behind TLS, unless the operator says otherwise.

BEHIND_TLS = _switch("BEHIND_TLS", default=not DEBUG)
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if _switch("TRUST_PROXY", default=False) else None
)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = BEHIND_TLS
SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

# Logs: one line each, never a row's values or a secret.

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": sys.stderr, "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {"django_q": {"level": env.str("QUEUE_LOG_LEVEL", default="WARNING")}},
}
