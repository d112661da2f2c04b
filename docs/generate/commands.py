"""The reference page of the commands: what `synth-scaling --help` and each `synth-scaling COMMAND --help` print.

python -m docs.generate.commands     # prints the page
"""

from __future__ import annotations

import os
import subprocess
import sys

from synth_scaling.cli import ANALYSIS, VERBS

HEAD = """# Commands

**Reference.** The output of `synth-scaling --help` and of each command's `--help`, generated when this site is built.
`python -m synth_scaling`, `python -m synth_scaling.status` and `python -m analysis table` are the same commands without
the installed script.

```text
{overview}
```
"""
SECTION = """
## {name}

{summary}.

```text
{help}
```
"""


def page() -> str:
    """The whole page as Markdown."""
    summaries = {name: verb.summary for name, verb in VERBS.items()} | ANALYSIS
    sections = [
        SECTION.format(name=name, summary=text[0].upper() + text[1:], help=output(name))
        for name, text in summaries.items()
    ]
    return HEAD.format(overview=output()) + "".join(sections)


def output(*command: str) -> str:
    """The output of `synth-scaling COMMAND --help`. Raises CalledProcessError if it fails."""
    words = [sys.executable, "-m", "synth_scaling", *command, "--help"]
    environment = {**os.environ, "COLUMNS": "110", "NO_COLOR": "1"}
    return subprocess.run(words, check=True, capture_output=True, text=True, env=environment).stdout.strip()


if __name__ == "__main__":
    print(page())
