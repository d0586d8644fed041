"""Look-alike services, run as a process and a state of their own, for trying and testing without an account.

A request comes in through `server.py` (HTTP), meets the account's limits (`limits.py`) and the faults
that are switched on (`faults.py`), is answered by the service (`qualified.py`), and what it changed is
kept in a SQLite file (`state.py`). Qualified's bulk jobs are worked off by a thread of their own
(`qualified_jobs.py`) by the rules of a write (`qualified_records.py`) over the account's fields
(`qualified_fields.py`). `control.py` is the page with the switches. `running.py` starts all of it, for
`manage.py sandbox` and for tests. Nothing here imports Django or the rest of the product.
"""
