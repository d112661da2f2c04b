"""Teacher data by any OpenAI-compatible endpoint: new problems from seed problems, and solutions to them."""
