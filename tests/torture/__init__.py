"""Torture: a seeded load under kills, frozen workers, moving partitions and broker restarts.

`python -m tests.torture` runs the long form, `test_torture.py` a short one. What came out is
compared with the engine over the same log in one piece: whatever the workers went through, it
must not be seen. A seed makes the load and the plan; when exactly a blow lands is up to the
machine, and the outcome must not depend on it.
"""
