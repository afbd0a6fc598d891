"""Agents: what stands between Kafka and the engine.

The way of an event: `batch_transport.py` (Faust hands over whole batches) → `source_events.py`
→ `partition.py` (one writer per partition) → `intake.py` and `decode.py` → the turn →
`commit.py`. The way of a definition: `control.py`. The way back after a crash: `recovery.py`.
"""
