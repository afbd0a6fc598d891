"""journeystream turns a stream of user events on Kafka into customer journeys."""
