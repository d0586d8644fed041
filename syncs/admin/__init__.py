"""The history and what is set up, in the Django admin: to look at, and to send rows again.

`runs.py`, `batches.py` and `rejected_rows.py` show what happened, `definitions.py` what is set up;
`again.py` starts the runs that send rows again.
"""

from syncs.admin import batches, definitions, kept, rejected_rows, runs

__all__ = ["batches", "definitions", "kept", "rejected_rows", "runs"]
