"""What every adapter must keep, whoever wrote it. There is nothing to write here for a new one.

`subject.py` makes calls from an adapter's own facts, against the sandbox service and the published
description of the same key where they exist. `promises.py` has a function for each promise.
`test_adapters.py` holds all adapters to all of them; `test_faulty.py` shows that each promise can be broken,
and that this is seen.
"""
