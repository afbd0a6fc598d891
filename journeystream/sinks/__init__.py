"""Sinks: from an effect to the records that leave.

One file per kind of destination; `routing.py` finds the sink by the destination's name. A
sink is a pure function of the effect: the same effect always makes the same bytes.
"""
