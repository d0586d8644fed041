"""`manage.py demo`: the product at work on one machine, with rows and a service that are made up.

```
words.py → sample.py → warehouse.py       a DuckDB file of companies and people, flaws included
login.py, demo.yaml                       a team, somebody who owns it, and its configuration
story.py                                  what happens, told line by line; it leads through:
runs.py                                   apply the configuration, queue the runs, follow them
summary.py                                what arrived, what needs attention and who must act
```

The command is the supervisor of `manage.py up`, with the story in a thread beside it.
"""
