"""The tests of the state stores and of their bytes."""
