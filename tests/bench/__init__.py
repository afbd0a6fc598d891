"""The tests of what the benchmark rests on."""
