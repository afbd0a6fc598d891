"""Tests of the HTTP API without a worker: real servers on loopback where there are any."""
