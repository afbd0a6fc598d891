"""What `journeystream demo` runs on: a shop's events and five journeys. See NOTICE.md."""
