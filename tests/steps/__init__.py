"""One test file for each step type, and the laws that all of them keep."""
