"""The tests; each folder tests the package of the same name."""
