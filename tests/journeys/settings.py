"""Settings of the installations that people visit here: the product's, as production has them.

The static files lie beside the rest of an installation's state, and signing in is quick.
"""

from syncadmin.settings import *  # noqa: F403
from syncadmin.settings import DATA_DIR

ROOT_URLCONF = "tests.journeys.urls"
STATIC_ROOT = DATA_DIR / "staticfiles"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
