"""The training problems with their teacher solutions (D_syn): from the task or from a file."""
