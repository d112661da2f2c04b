"""Write teacher data with any OpenAI-compatible endpoint: new problems from seed problems, and solutions to them.

    synth-scaling teach task=gsm8k task.path=FOLDER engine.model=MODEL problems=1000 output=FILE.jsonl [key=value ...]

Keys (conf/teach.yaml, conf/engine/openai.yaml, conf/teacher):
  task=NAME              task whose train problems are the seeds: gsm8k, math, gsm_symbolic, word_sums, word_stories
  problems=1000          rows to write
  samples=1 agree=1      solutions per new problem, and how many of them must give the same answer
  attempts=N             at most N new problems are requested; 4 times `problems` by default
  engine.model=NAME      the model, as the endpoint names it
  engine.base_url=URL    https://api.openai.com/v1 by default; the key is read from the variable engine.api_key_env
  budget.tokens=N        limit on tokens, or budget.usd=N with engine.usd_per_million_input and _output
  output=FILE.jsonl      rows; FILE.journal.jsonl beside it keeps every answer, which is never requested twice
  --cfg job              print the composed configuration, and stop

Examples:
  synth-scaling teach task=word_sums engine.base_url=http://localhost:8000/v1 engine.model=m problems=10 output=t.jsonl
  synth-scaling teach task=gsm8k task.path=data/gsm8k engine.model=gpt-4o problems=1000 samples=3 agree=2 output=t.jsonl

Exit code 0: every row was written; 1: the endpoint refused, or too many requests failed; 2, with one line: the
configuration was refused; 3: fewer rows than requested, because the budget or the attempts were used up; 130 after
Ctrl-C and 75 after a termination signal. In each case but 2 the rows so far are written, and the same command resumes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

from synth_scaling.core.terminal import say
from synth_scaling.system import signals


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the words of the command line; ends the process with the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if "-h" in words or "--help" in words:
        print((__doc__ or "").strip())
        sys.exit(0)
    signals.install(at_once=True)  # until requests run
    try:
        from synth_scaling.teaching.entry import launch  # Hydra and openai: not needed for --help

        launch(words)
    except signals.Interrupted as error:
        say(f"{error}: the journal holds every answer so far, the same command resumes", file=sys.stderr)
        raise
    except KeyboardInterrupt:
        say("interrupted: the journal holds every answer so far, the same command resumes", file=sys.stderr)
        sys.exit(130)
    sys.exit(0)


if __name__ == "__main__":
    main()
