"""How laws are tried: on how many drawn examples, and with how much patience."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# No deadline: on a shared machine one slow example says nothing. Journeys, conditions and logs
# are big values, and drawing many of them is what the tests of laws are for.
laws = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
laws_of_conditions = settings(laws, max_examples=60)
