"""The command refuses bad input before it computes anything: one line with key, value and what is allowed, exit code 2.

The table goes through the command's own entry in this process; a few go through a process of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig

from synth_scaling import cli
from synth_scaling.methods import METHODS

ROOT = Path(__file__).parents[2]
LEAST_ONE = "allowed are values of at least 1"
METHOD_NAMES = ", ".join(sorted(METHODS))

# The command's words, and what the line begins with. FOLDER has a file, two bad data files and the sweeps below.
COMMANDS = {
    # keys and types
    "data.problemz=5": "data.problemz: no such key; allowed are max_negatives, negatives, ",
    "+gamma=1": "gamma: no such key; allowed are certificate, credit, data, ",
    "+method.gamma=1": "method.gamma: no such key; allowed are epochs, ",
    "method=sft method.beta=1": "method.beta: no such key; allowed are epochs, ",
    "task.path=x": "task.path: no such key; allowed are edge_share, ",
    "~gamma": "Could not delete from config. 'gamma' does not exist.",
    "~task": "task=null: allowed is one of the choices of task",
    "data.problems=many": "data.problems: Value 'many' of type 'str' could not be converted to Integer",
    "data.problems=1.5": "data.problems: Value '1.5' of type 'float' could not be converted to Integer",
    "data.problems=null": "data.problems=null: allowed are values other than null",
    "data.problems=1e400": "data.problems: Value 'inf' of type 'float' could not be converted to Integer",
    "trainer.packing=perhaps": "trainer.packing: Value 'perhaps' is not a valid bool",
    "trainer.lora.target_modules=q_proj": "trainer.lora.target_modules: Invalid value assigned: str is not",
    "evaluation.pass_at_k=[x]": "evaluation.pass_at_k[0]: Value 'x' of type 'str' could not be converted to Integer",
    "label=${nothing}": "label: Interpolation key 'nothing' not found",
    # secrets
    "label=${oc.env:HOME}": "label: ${oc.env:HOME}: allowed are the environment variables named in SYNTH_SCALING_ENV, ",
    "output=${oc.env:HOME,x}": "output: ${oc.env:HOME}: allowed are the environment variables named in SYNTH_SCALING_",
    "label=http://me:pw@x": "label=http://***@x: configurations are stored and shown; allowed are ",
    # choices
    "method=ours": f"method=ours: allowed are {METHOD_NAMES}",
    "method=": f"method=: allowed are {METHOD_NAMES}",
    "method=5": "method=5: Config group override must be a string or a list. Got int",
    "method=[sft,rft]": "method: allowed is one of its choices, not several",
    "method.name=dpo": "method.name=dpo: allowed is sft; choose another by method=dpo",
    "model=gpt": "model=gpt: allowed are ",
    "tracking=mlflow": "tracking=mlflow: allowed are none, wandb",
    "figure=pairings": "figure=pairings: allowed are size, rounds, positives, teacher, grid, pairing, filter, best_of, "
    "rollout_policy, rollouts, choices, habits, length, apart; did you mean pairing?",
    "hydra/launcher=nowhere": "hydra/launcher=nowhere: allowed are basic, joblib",
    "hydra.mode=FAST": "hydra.mode: Invalid value 'FAST', expected one of [RUN, MULTIRUN]",
    # amounts and sizes
    "data.problems=0": f"data.problems=0: {LEAST_ONE}",
    "method=sft rounds.count=2": "rounds.count=2: method=sft samples nothing; allowed is 1",
    "method=rft rounds.count=0": f"rounds.count=0: {LEAST_ONE}",
    "method=rft rounds.keep=all": "rounds.keep=all: with rounds.count=1 allowed is newest",
    "method=rft rounds.start=base": "rounds.start=base: with rounds.count=1 allowed is previous",
    "method=rft rounds.count=2 rounds.keep=some": "rounds.keep=some: allowed are newest, all",
    "method=rft rounds.count=2 rounds.start=next": "rounds.start=next: allowed are base, pi_sft, previous",
    "method=rft rounds.count=2 data.rollouts_path=x": "rounds.count=2: allowed is 1 with data.rollouts_path",
    "data.positives=17": "data.positives=17: allowed are 0 to data.rollouts=16",
    "credit.rollouts=-2": f"credit.rollouts=-2: {LEAST_ONE}",
    "rollout_policy.epochs=-1": "rollout_policy.epochs=-1.0: allowed are values above 0",
    "seed=4294967296": "seed=4294967296: allowed are 0 to 2^32 - 1",
    "threads=100000": "threads=100000: allowed are 1 to 1024",
    "method.learning_rate=nan": "method.learning_rate=nan: allowed are values above 0",
    "method.learning_rate=inf": "method.learning_rate=inf: allowed are finite numbers",
    "data.problems=10000000": "data.problems=10000000: task=maze has 5476 train problems, 10000000 asked for",
    "evaluation.problems=1001": "evaluation.problems=1001: task=maze has 1000 test problems, 1001 asked for",
    "task.n_test=0": "evaluation.split=test: allowed is a split that has problems",
    "task.side=27": "task.side=27: allowed are 3 to 26",
    "task.max_distance=100000": "task.max_distance=100000: allowed are values up to 675",
    "task=star_graph task.n_nodes=1000000000": "task.n_nodes=1000000000: allowed are values up to 100000",
    "model.heads=4": "model.heads=4: model.width / model.heads must be one of (32, 64,",
    # options that do not go together
    "method=rft data.positives=0": "data.positives=0: method=rft needs at least 1",
    "trainer.gradient_accumulation=3": "trainer.gradient_accumulation=3: allowed are divisors of trainer.batch_size=32",
    "trainer.sharding=fsdp": "trainer.sharding=fsdp: needs trainer.num_processes above 1",
    "trainer.sharding=fsdp trainer.num_processes=2 trainer.gradient_checkpointing=true trainer.lora.rank=4 "
    "trainer.lora.dropout=0.1": "trainer.lora.dropout=0.1: allowed is 0 with trainer.gradient_checkpointing and ",
    "trainer.attention=flash": "trainer.attention=flash: allowed are auto, sdpa, eager",
    "trainer.compile=true trainer.num_processes=2": "trainer.compile=True: allowed is False with trainer.num_proc",
    "trainer.shared_prompts=true trainer.num_processes=2": "trainer.shared_prompts=True: allowed is False with",
    "trainer.lora.target_modules=[wo]": "trainer.lora.target_modules=wo: allowed are q_proj, ",
    "engine.replicas=2": "engine.replicas=2: set engine.shard",
    "engine.seeds=none": "engine.seeds=none: allowed are call, request",
    "engine.block_size=16": "engine.block_size=16: allowed are multiples of 32",
    "engine.max_model_len=3": "engine.max_model_len=3: its context of 3 tokens is shorter than the 18 of task=maze",
    "task=gsm8k": "model=tiny: a base model is pretrained for task=maze, star_graph, collect only; task=gsm8k has no",
    # files and folders
    "output=FOLDER/file/deep": "output=FOLDER/file/deep: allowed is a folder that can be written (Not a directory)",
    "store=FOLDER/file": "store=FOLDER/file: allowed is a folder that can be written (File exists)",
    'output="~/x"': "output=~/x: ~ is not expanded here; allowed is /",
    "tracking.project=team/p": "tracking.project=team/p: W&B refuses the name; allowed are up to 128 ",
    f"tracking.project={'p' * 129}": f"tracking.project={'p' * 129}: W&B refuses the name",
    "hydra.launcher.n_jobs=2": "hydra.launcher.n_jobs: no such key; allowed are _target_; options of several ",
    "output=": "output=: allowed is a text that is not empty",
    "data=jsonl": "data.path=: needed is a JSONL file of teacher data",
    "data=jsonl data.path=FOLDER/none.jsonl": "data.path=FOLDER/none.jsonl: no such file",
    "data=jsonl data.path=FOLDER/file": "data.path=FOLDER/file:1: not JSON",
    "data=jsonl data.path=FOLDER/half.jsonl": "data.path=FOLDER/half.jsonl:1: solution: no such field",
    "model=pretrained": "model.path=: needed is a folder with safetensors, or a hub id",
    "model=pretrained model.path=/nowhere": "model.path=/nowhere: no such folder",
    # the command's own words
    "data.problems": "data.problems: allowed is key=value, in Hydra's syntax",
    "seed=[1": "seed=[1: allowed is key=value, in Hydra's syntax",
    "label=a=b": "label=a=b: allowed is key=value, in Hydra's syntax",
    "seed=1,2": "seed=1,2: several values need -m (a sweep)",
    "--bogus": "unrecognized arguments: --bogus; allowed are --cfg, ",
    "--config-name nothing": "--config-name=nothing: allowed are config, collect_ablations, collect_copying, ",
    "--config-dir /nowhere --config-name x": "Additional config directory '/nowhere' not found",
}

# `hydra.sweeper` of a sweep, and what the line begins with.
SWEEPS = {
    "params: 5": "hydra.sweeper.params=5: allowed is a grid, {key: values}",
    "params: {data: {problems: '1,2'}}": "hydra.sweeper.params.data={'problems': '1,2'}: allowed are ",
    "params: {seed: null}": "hydra.sweeper.params.seed=None: allowed are Hydra's sweeps, '1,2' or 'range(3)'",
    "params: {seed: '0,-1'}": "seed=-1: allowed are 0 to 2^32 - 1",
    "params: {sed: '0,1'}": "sed: no such key; allowed are ",
    "params: {data.problems: '10,many'}": "data.problems: Value 'many' of type 'str' could not be converted",
    "params: {method: 'sft,ours'}": f"method=ours: allowed are {METHOD_NAMES}",
    "params: {method: 'sft,5'}": "method=5: Config group override must be a string or a list",
    "params: {seed: range(3}": "seed=range(3: allowed is key=value, in Hydra's syntax",
    "params: {seed: range(0)}": "seed=range(0): allowed are sweeps of at least one value",
    "params: {seed: 'range(0,3,0)'}": "seed=range(0,3,0): range() arg 3 must not be zero",
    "params: {seed: 'interval(0,1)'}": "seed=interval(0,1): allowed are sweeps over values",
    "also: {seed: '1'}": "hydra.sweeper.also={'seed': '1'}: allowed is a list of grids",
    "also: [seed]": "hydra.sweeper.also[0]=seed: allowed is a grid, {key: values}",
    "also: [{seed: '1', threads: '0'}]": f"threads=0: {LEAST_ONE}",
    "parms: {seed: '0'}": "hydra.sweeper.parms: no such key; allowed are _target_, also, ",
}
HEAD = "defaults:\n  - config\n  - _self_\n  - override /hydra/sweeper: grid\nhydra:\n  mode: MULTIRUN\n  sweeper:\n"
BARE = "defaults:\n  - override hydra/job_logging: none\n  - _self_\nhydra: {run: {dir: .}, output_subdir:}\nseed: 1\n"
NO_WORKERS = (
    HEAD.replace("grid", "grid\n  - override /hydra/launcher: joblib") + "    params: {}\n  launcher: {n_jobs: 0}\n"
)
# Whole files, for what is wrong beside the grid.
FILES = {
    BARE: "defaults: allowed is a list that begins with config",
    "defaults:\n  - config\n  - _self_\nsede: 3\n": "sede: no such key; allowed are certificate, credit, ",
    "defaults:\n  - config\n  - _self_\n  - override /method: ours\n": "method=ours: allowed are ",
    NO_WORKERS: "hydra.launcher.n_jobs=0: allowed are values of at least 1, and -1: one a core",
    "x: [1\n": "while parsing a flow sequence",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder of the command; its writable folders are below it."""
    (tmp_path / "file").write_text("no JSON\n")
    (tmp_path / "half.jsonl").write_text('{"question": "1+1"}\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HydraConfig.instance(), "cfg", None)
        yield tmp_path


def refused(words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> str:
    """The line after `configuration refused: `."""
    before = sorted(folder.rglob("*"))
    monkeypatch.setattr(sys, "argv", ["synth_scaling", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    out, err = capfd.readouterr()
    assert (end.value.code, out) == (2, "")
    assert err.startswith("configuration refused: ") and err.endswith("\n") and err.count("\n") == 1
    computed = [path for path in folder.rglob("*") if path not in before]
    assert not [path for path in computed if path.is_file()]
    return err.removeprefix("configuration refused: ").replace(str(folder), "FOLDER")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_refused(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    words = command.replace("FOLDER", str(folder)).split(" ")
    assert refused(words, folder, monkeypatch, capfd).startswith(COMMANDS[command])


@pytest.mark.parametrize("content", [*SWEEPS, *FILES])
def test_a_sweep_is_refused(
    content: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    (folder / "sweeps").mkdir()
    text = content if content in FILES else f"{HEAD}    {content}\n"
    (folder / "sweeps" / "mine.yaml").write_text(text)
    line = refused(["--config-dir", "sweeps", "--config-name", "mine"], folder, monkeypatch, capfd)
    assert line.startswith((SWEEPS | FILES)[content])


def test_there_are_more_than_fifty() -> None:
    assert len(COMMANDS) + len(SWEEPS) + len(FILES) > 80


PROCESSES = ["data.problems=0", "data.problemz=5", "--bogus", "--config-name mini seed=-1"]


@pytest.fixture(scope="module")
def ended() -> dict[str, tuple[int, str, str]]:
    """The commands as from a shell, at once; what each ended with."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    started = {
        words: subprocess.Popen(
            [sys.executable, "-m", "synth_scaling", *words.split()],
            cwd=ROOT / "tests",
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for words in PROCESSES
    }
    actual = {}
    for words, process in started.items():
        out, err = process.communicate()
        actual[words] = (process.returncode, out, err)
    return actual


def test_composing_a_sweep_loads_no_model_library(tmp_path: Path) -> None:
    code = (
        "import sys; from synth_scaling.cli import main; main(); "
        "print([name for name in ('torch', 'transformers', 'vllm', 'scipy', 'huggingface_hub') if name in sys.modules])"
    )
    words = ["--config-name", "mini", "--dry-run", f"output={tmp_path}/out", f"store={tmp_path}/store"]
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("words", PROCESSES)
def test_a_process_is_refused_in_the_same_line(words: str, ended: dict[str, tuple[int, str, str]]) -> None:
    line = COMMANDS.get(words, "seed=-1: allowed are 0 to 2^32 - 1")
    code, out, err = ended[words]
    assert (code, out) == (2, "") and err.startswith(f"configuration refused: {line}") and err.count("\n") == 1
    assert not (ROOT / "tests" / "outputs").exists()
