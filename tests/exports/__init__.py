"""Tests of exports, and of figures that are counted from them a second time, in SQL."""
