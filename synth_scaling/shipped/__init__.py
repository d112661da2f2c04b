"""Base models that come with the package."""
