"""Configuration as code: a team's sources, models, connections and syncs as a YAML document.

```
text ──tree──▶ tree ──document──▶ parts ──resolve──▶ goals ──examine──▶ plan ──write──▶ our tables
```

`tree.py` knows lines and fills in variables, `section.py` reads a block key by key, `document.py` says
what a document may say. `resolve.py` looks up what the names refer to, `goals.py` holds what shall be
beside what is, `examine.py` asks sources and services (through `reach.py`) about what changes, and
`checks.py` says whether a sync can work: forms use it too. `plan.py` tells the changes, `write.py` writes
them in one transaction, `apply.py` does all of it. `export.py` is the way back.
"""
