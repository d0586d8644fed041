"""What of alerts is decided without a database and without Django.

`rules.py` finds what is wrong, `words.py` says it, `addresses.py` knows the kinds of targets, and `wire.py`,
a process of its own, sends one message. What reads and writes is `syncs/alerts`.
"""
