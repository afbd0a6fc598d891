"""The tests of journeystream."""
