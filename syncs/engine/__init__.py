"""The engine: rows of a model become records of a destination.

```
Source ─rows─▶ Model ─rows─▶ Mapping ─records─▶ Plan ─operations─▶ Batches ─▶ Adapter ─outcomes─▶ Ledger + Run
```

To read it, walk the modules in this order:

1. `run.py`        the conductor: a run from queued to its end; `ground.py` is what it stands on,
                   `listing.py` the fields that the service lists
2. `lease.py`      one worker at a time, fenced; `leftovers.py` waits for jobs that an earlier run left
3. `extract.py`    rows are read, mapped (`mapping.py`, `templates.py`, `steps.py` and the
                   `step_*.py` it names, `patterns.py`, `patience.py` for what is slow, `values.py`,
                   `picklist.py`, `addresses.py`;
                   `variables.py` is what the run itself fills),
                   judged by the sync's guards (`guards.py`, `guard_kinds.py`, `guard_conditions.py` and the
                   `guard_*.py` they name; `guard_watch.py` tells and counts what they hold back) …
4. `staging.py`    … and staged in scratch files
5. `planning.py`   staged records are compared with the ledger (`comparing.py`): `plan.py` decides,
                   `duplicates.py` finds rows that share a key, `reasons.py` tells people,
                   `plan_writer.py` writes it down; `braking.py` asks whether it may be sent (`brakes.py`),
                   and where not, it waits for a person or for its end (`approval.py`)
   and of a dry run, or one that waits, `diff_writer.py` tells what it would change (`diff.py`), `harm.py`
   what would hurt
6. `batches.py`    operations packed, and the form in which they are kept
7. `deliver.py`    batches (`open_batches.py`) go out as calls (`calls.py`) in threads of their own
                   (`flights.py`), as many as the account allows (`allowance.py`), and come back:
                   `answers.py` reads them, `journal.py` decides what an answer means for a batch,
                   `settle.py` writes it, fenced
8. `ledger.py`     settled batches are folded into what the destination last accepted

Around it: `doorbell.py` rings for a worker, `fairness.py` says which run is next, `keys.py` makes digests
and fingerprints, `outlook.py` tells what another mapping would mean, `bulk.py` writes many rows at once,
`faults.py` tells of ours, `forget.py` removes a person everywhere, `pruning.py` what is old.
"""
