"""HTTP ingest, without Kafka."""
