"""Tells people what goes wrong: once when it begins, once when it is over.

```
facts.py      what is known of the syncs and accounts of teams with rules, in a few queries
look.py       compares that with what was told, and writes what is to be told, in one transaction
sending.py    sends what is written: each target in a process of its own, with a limit of time
```

Nothing is told from within a run. `look` finds what is wrong in the database as it is, so it may be called
twice, by two workers, or once later: what was told is in the database too. Messages are written with the
change that they tell (none is lost) and sent afterwards (one may arrive twice, where a sender dies at the
wrong moment). What is decided on the way is decided by `syncs/alerting`.
"""
