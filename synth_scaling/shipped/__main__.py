"""Check the base models of the package: `python -m synth_scaling.shipped` pretrains each again and compares the bits.

`python -m synth_scaling.shipped add STORE/base/HASH` adds a base from a store.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synth_scaling.experiment.store import SHIPPED
from synth_scaling.models.options import TinyOptions
from synth_scaling.models.tiny_llama import TinyLlama
from synth_scaling.tasks import TASKS, embedded, make_task
from synth_scaling.training.options import TrainerOptions


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 if every shipped base has the same bits (or one was added), 1 if not, 2 for other arguments."""
    if len(arguments) == 2 and arguments[0] == "add":
        source = Path(arguments[1])
        shutil.copytree(source, SHIPPED / source.parent.name / source.name)
        return 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    same = [is_reproduced(folder) for folder in sorted(SHIPPED.glob("base/*"))]
    return 0 if all(same) else 1


def is_reproduced(folder: Path) -> bool:
    """Pretrain the base in `folder` again, print and return whether its weights have the same bits."""
    from synth_scaling.training.pretrain import pretrain

    record: dict[str, Any] = json.loads((folder / "stage.json").read_text())
    key, model = record["key"], TinyOptions(**record["key"]["model"])
    task = embedded(make_task(TASKS[key["task"]["name"]][1](**key["task"])))
    with tempfile.TemporaryDirectory() as repeated:
        pretrain(
            task,
            TinyLlama(model.width, model.layers, model.heads, model.feedforward),
            Path(repeated),
            documents=model.pretrain_documents,
            batch_size=model.pretrain_batch_size,
            learning_rate=model.pretrain_learning_rate,
            prompts=model.pretrain_prompts,
            trainer=TrainerOptions(**key["trainer"]),
            seed=model.seed,
            threads=key["threads"],
        )
        same = (Path(repeated) / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    versions = ", ".join(f"{name} {key[name]}" for name in ("torch", "transformers"))
    print(f"{folder.name} ({task.name}, {model.pretrain_documents:,} documents, computed with {versions}):", end=" ")
    print("the same bits" if same else "OTHER bits")
    return same


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
