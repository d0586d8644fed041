"""Where the things of the demo are, and how they are called on the command line."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.urls import reverse

from syncadmin.supervisor.processes import Service


@dataclass(frozen=True, slots=True)
class Places:
    """`pages` and `sandbox` are addresses without a last slash; the rest are files."""

    pages: str
    sandbox: str
    warehouse: Path
    password: Path
    log: Path

    @classmethod
    def here(cls, web: Service) -> "Places":
        """Those of this installation, with the pages where this service answers."""
        address, port = web.answers_at or (settings.ADDRESS, settings.PORT)
        host = f"[{address}]" if ":" in address else address
        return cls(
            pages=f"http://{host}:{port}",
            sandbox=f"http://127.0.0.1:{settings.SANDBOX_PORT}",
            warehouse=settings.FILES_DIR / "demo.duckdb",
            password=settings.DATA_DIR / "demo-password",
            log=settings.DATA_DIR / "logs" / "demo.log",
        )

    @property
    def failed_rows(self) -> str:
        return self.pages + reverse("admin:syncs_rejectedrow_changelist")

    @property
    def manage(self) -> str:
        """What to type for `manage.py` in another terminal, which must know where all state is."""
        is_usual = settings.DATA_DIR == settings.BASE_DIR / "var"
        words = (shown(Path(sys.executable)), shown(settings.BASE_DIR / "manage.py"))
        return shlex.join(words if is_usual else ("env", f"DATA_DIR={settings.DATA_DIR}", *words))


def shown(path: Path) -> str:
    """The path as people type it here: from the current folder where it is below that."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
