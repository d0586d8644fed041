"""Look-alike services, run as a process and a state of their own, for trying and testing without an account.

A request comes in through `server.py` (HTTP) and is handed to the service at its path (`control.py`), meets
the account's limits (`limits.py`, `salesloft_budget.py`) and the faults that are switched on (`faults.py`),
is answered by the service (`qualified.py`, `salesloft.py`, both a `Service` of `service.py`), and what it
changed is kept in a SQLite file of that service (`state.py`, `…_state.py`). Bulk
jobs are worked off by a thread of their own (`…_jobs.py`) by the rules of a write (`…_records.py`) over the
account's fields (`…_fields.py`). `desk.py` is what can be done from outside, `page.py` the page with the
switches. `running.py` starts all of it, for `manage.py sandbox` and for tests. Nothing here imports Django or
the rest of the product.
"""
