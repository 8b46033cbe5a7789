"""The namespace agent on another machine: brought there, started, spoken to over the transport, found again. docs/design/split.md.

`session.py` is a `NamespaceSession` like the one on this machine; what differs is who starts the agent (`deploying.py`), how one talks
to it (`connection.py`), and where files are (`host.py`, `mirror.py`).
"""
