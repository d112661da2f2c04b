"""Tables, the HTML page and the Weights & Biases run."""
