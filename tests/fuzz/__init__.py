"""Fuzzing: whatever the input is, no crash, no hang, and no change by what was refused.

Each file of `targets/` holds one target: a law over any bytes. The targets are tried in two
ways. `test_targets.py` mutates valid inputs with hypothesis, in each test run. `python -m
tests.fuzz` goes on for as long as one likes, with atheris, which follows the code's coverage.
An input that once failed is kept in `corpus/`, and `test_corpus.py` tries it again.
"""
