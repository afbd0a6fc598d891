"""Journeys to begin with: one file each, that `journeystream templates` lists and prints."""
