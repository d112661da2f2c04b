"""Training: rows of token ids and a start checkpoint in, a checkpoint and its cost out."""
