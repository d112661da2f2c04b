"""`python -m synth_scaling`: the `synth-scaling` command; without a word it computes one default run."""

import sys

from synth_scaling.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["run"]))
