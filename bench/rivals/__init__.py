"""The cart journey in other frameworks, each as its users would write it."""
