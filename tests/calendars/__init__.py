"""Calendars against a slow and obvious reference, around daylight-saving changes."""
