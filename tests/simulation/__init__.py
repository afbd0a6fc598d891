"""Deterministic simulation: the shell's real code over a simulated broker, disk and clock.

One process, one thread, virtual time, and one seed that everything random is drawn from. What
is real: `agents/` but for Faust's transport, the engine, the codecs. What is simulated stands
in `cluster.py`, `disk.py`, `fetcher.py` and `group.py`. `oracle.py` says what must come out.
"""
