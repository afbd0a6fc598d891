"""The command line: what people see of it, from `init` to `tail`."""
