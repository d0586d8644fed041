"""`manage.py up`: keeps the web server, the workers and the sandbox running, and heals a stuck pool.

```
services.py ──what to run──▶ supervise.py ──start, end──▶ processes.py ──▶ leash.py
                                  ▲
doorbells.py ──glances──▶ decisions.py (stuck? when to start again? how often to ring?)
```

`supervise.py` is the conductor and the only loop. `decisions.py` is pure. `doorbells.py` alone touches the
database, from a thread of its own, so that a database that hangs never stops the rest.
"""
