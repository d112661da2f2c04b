"""The bases that come with the package: `python -m synth_scaling.shipped` makes each again and compares the bits.

`python -m synth_scaling.shipped add STORE/base/HASH` adds one that a store holds.
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
    """Returns 0 if every shipped base came out the same (or one was added), else 1."""
    if len(arguments) == 2 and arguments[0] == "add":
        source = Path(arguments[1])
        shutil.copytree(source, SHIPPED / source.parent.name / source.name)
        return 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    same = [remade(folder) for folder in sorted(SHIPPED.glob("base/*"))]
    return 0 if all(same) else 1


def remade(folder: Path) -> bool:
    """Pretrain the base in `folder` again, say how it came out, and return whether its weights have the same bits."""
    from synth_scaling.training.pretrain import pretrain

    record: dict[str, Any] = json.loads((folder / "stage.json").read_text())
    key, model = record["key"], TinyOptions(**record["key"]["model"])
    task = embedded(make_task(TASKS[key["task"]["name"]][1](**key["task"])))
    with tempfile.TemporaryDirectory() as again:
        pretrain(
            task,
            TinyLlama(model.width, model.layers, model.heads, model.feedforward),
            Path(again),
            documents=model.pretrain_documents,
            batch_size=model.pretrain_batch_size,
            learning_rate=model.pretrain_learning_rate,
            prompts=model.pretrain_prompts,
            trainer=TrainerOptions(**key["trainer"]),
            seed=model.seed,
            threads=key["threads"],
        )
        same = (Path(again) / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    made_with = ", ".join(f"{name} {key[name]}" for name in ("torch", "transformers"))
    print(f"{folder.name} ({task.name}, {model.pretrain_documents:,} documents, made with {made_with}):", end=" ")
    print("the same bits" if same else "OTHER bits")
    return same


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
