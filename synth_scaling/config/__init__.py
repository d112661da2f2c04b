"""The configuration of a run: its schema, loading, checks and naming."""
