"""Base models and tokenizers: small ones pretrained here, and pretrained language models."""
