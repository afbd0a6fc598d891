"""The shell's parts between Kafka and the core, one test file for each."""
