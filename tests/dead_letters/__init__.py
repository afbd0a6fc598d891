"""`journeystream dead-letters`: what waits, and what comes back."""
