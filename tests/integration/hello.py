"""The least journey that tells somebody of somebody."""

from __future__ import annotations

HELLO = """\
id: hello
name: Hello
entry: {condition: {event: Signed Up}}
steps: [{id: greet, type: send_to_destinations, destinations: [email]}]
"""
