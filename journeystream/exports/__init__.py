"""Exports of the travel log: `formats.py` writes and reads files, `parts.py` makes them whole.

Law: what was exported of the topic is in the parts that are there, once; nothing else knows it.
"""
