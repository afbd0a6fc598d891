"""Calendars: what a wall clock shows, hours of the week, schedules, frequency caps.

Pure functions of instants and time zones. `wall_clock.py` states the one law about
daylight-saving time that the others build on.
"""
