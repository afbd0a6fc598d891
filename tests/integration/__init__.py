"""Through real Kafka, with worker processes that the command line starts."""
