"""The sweeps for GPUs: every run composes and passes every check, with stand-ins for models and data."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from synth_scaling.config.load import typed
from synth_scaling.config.naming import resolved, run_hash
from synth_scaling.config.schema import Config
from synth_scaling.config.search_path import configs
from synth_scaling.config.task_checks import check_task
from synth_scaling.core.validation import ConfigError
from synth_scaling.models.options import check_context
from synth_scaling.sweep.compose import runs_of
from synth_scaling.tasks import make_task
from tests.support.shared_data import DATA, needs_shared

PAPER = ("paper_gsm8k", "paper_math")
NODE = (*PAPER, "self_vs_other")
NEED_FILES = (*NODE, "gsm8k_one_gpu")
SIZES = (500, 1000, 2000, 4000)
GSM8K_TRAIN = 7473
LARGEST = 32_000


@pytest.fixture(scope="module")
def runs() -> dict[str, list[Config]]:
    """Every run of one seed of every sweep here, composed without a model or a data file."""
    return {name: runs_of(name, ["seed=0"]) for name in NEED_FILES}


def words(question: int) -> str:
    """A question that shares no 13 words in a row with another."""
    return " ".join(f"w{question}x{i}" for i in range(14)) + "?"


@pytest.fixture(scope="module")
def files(random_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to start in, with files in the places and of the sizes that the sweeps' heads ask for."""
    folder = tmp_path_factory.mktemp("node")
    model = shutil.copytree(random_model, folder / "model")
    config = json.loads((model / "config.json").read_text()) | {"max_position_embeddings": 4096}  # as of both learners
    (model / "config.json").write_text(json.dumps(config))
    for name, test in (("gsm8k", 1319), ("math", 5000)):
        (folder / "data" / name).mkdir(parents=True)
        for part, numbers in (("train", range(GSM8K_TRAIN)), ("test", range(10**6, 10**6 + test))):
            lines = [
                {"question": words(i), "answer": "1 + 1 = 2\n#### 2"}
                if name == "gsm8k"
                else {"problem": words(i), "solution": "It is $\\boxed{2}$.", "level": "Level 1"}
                for i in numbers
            ]
            (folder / "data" / name / f"{part}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    for name, n in (("gsm8k_teacher", LARGEST), ("gsm8k_similar", 8000), ("math_teacher", LARGEST)):
        end = "\\boxed{2}" if name.startswith("math") else "#### 2"
        rows = [{"question": words(10**7 + i), "solution": f"1 + 1 = 2\n{end}", "answer": "2"} for i in range(n)]
        (folder / "data" / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", NEED_FILES)
def test_every_run_passes_every_check_once_the_files_are_there(
    name: str, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    actual = runs_of(name, ["model.path=model", "seed=0"])
    for run in actual:
        check_task(run)
    assert len({run_hash(run) for run in actual}) == len(actual)


def test_composed_runs_are_those_that_hydra_composes(runs: dict[str, list[Config]]) -> None:
    """The whole of one run of demo_maze and of a further grid, against Hydra's own composition of its job."""
    demo = runs_of("demo_maze")
    jobs = {
        3: ["data.problems=100", "method=dpo", "seed=1"],
        -2: ["data.problems=400", "method=rft", "data.positives=16", "figure=positives", "seed=0"],
    }
    with initialize_config_dir(str(configs("conf")), version_base="1.3"):
        for place, job in jobs.items():
            expected = typed(compose("config", [*job, "sweep=demo_maze"]))
            actual = next(run for run in demo if resolved(run) == resolved(expected))
            assert actual in demo[2:8] if place > 0 else demo[-8:]
    assert len(demo) == 58


def test_overrides_reach_every_run() -> None:
    actual = runs_of("self_vs_other", ["seed=3,4", "model=llama2_7b", "sweep=mine"])
    assert {(run.seed, run.model.path, run.sweep) for run in actual} == {
        (seed, "meta-llama/Llama-2-7b-hf", "mine") for seed in (3, 4)
    }
    with pytest.raises(ConfigError, match=r"^data\.problems=-1: allowed are"):
        runs_of("self_vs_other", ["data.problems=-1"])


# -- what is in them -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAPER)
def test_the_paper_s_sweeps_hold_every_method_at_every_size_and_each_ablation(
    name: str, runs: dict[str, list[Config]]
) -> None:
    methods = {"sft", "rft", "rft_filtered", "dpo", "dpo_edit_distance", "step_dpo", "step_sft", "advantage_weighted"}
    size = Counter((r.label, r.data.problems) for r in runs[name] if r.figure == "size")
    assert size == Counter(
        {(method, n): 1 for method in methods for n in SIZES} | {("sft", n): 1 for n in (8000, 16_000, LARGEST)}
    )
    others = {r.figure: r for r in runs[name]}.keys() - {"size"}
    assert others == {"positives", "pairing", "rollout_policy", "rollouts", "best_of", "filter"}
    figures = {figure: [r for r in runs[name] if r.figure == figure] for figure in others}
    assert {r.data.positives for r in figures["positives"]} >= {1, 32}
    assert {r.rollout_policy.epochs for r in figures["rollout_policy"]} == {1, 5, 10}
    assert {r.credit.rollouts for r in figures["rollouts"]} == {1, 2, 8, 16}
    assert {r.method.best_of for r in [*figures["best_of"], *figures["filter"]]} == {5}
    assert {r.label for r in figures["pairing"]} == {
        *("dpo, farthest", "step_dpo, whole response chosen", "step_dpo, rest rejected", "step_dpo, NLL")
    }


@pytest.mark.parametrize("name", PAPER)
def test_known_settings_are_the_known_ones(name: str, runs: dict[str, list[Config]]) -> None:
    for r in runs[name]:
        assert r.data.temperature == r.credit.temperature == 0.7 and r.trainer.batch_size == 128
        if r.method.name in ("sft", "rft", "rft_filtered"):
            assert (r.method.start, r.method.epochs, r.method.learning_rate) == ("base", 3, 2e-5)
        if "dpo" in r.method.name:
            assert (r.method.start, r.method.epochs, r.method.learning_rate) == ("pi_sft", 3, 1e-6)
            assert r.method.beta == 0.1 and r.method.nll == (1 if r.label.endswith("NLL") else 0)
        if r.figure == "size":
            assert r.credit.rollouts == 4


def test_self_vs_other_has_three_sources_at_equal_n(runs: dict[str, list[Config]]) -> None:
    actual = runs["self_vs_other"]
    sources = {
        label: {
            (Path(r.data.path).stem, r.method.name, r.data.positives) for r in runs["self_vs_other"] if r.label == label
        }
        for label in {r.label for r in runs["self_vs_other"]}
    }
    assert sources == {
        "sft": {("gsm8k_teacher", "sft", 1)},
        "sft, similar model": {("gsm8k_similar", "sft", 1)},
        "rft": {("gsm8k_teacher", "rft", 1)},
        "rft, similar model": {("gsm8k_similar", "rft", 1)},
        "rft, 4 own": {("gsm8k_teacher", "rft", 4)},
    }
    for label in sources:
        assert {r.data.problems for r in actual if r.label == label} >= set(SIZES)


@pytest.mark.parametrize("name", NEED_FILES)
def test_the_head_names_its_commands_and_its_estimate(name: str) -> None:
    head = (configs("sweeps") / f"{name}.yaml").read_text().split("defaults:")[0]
    for part in (
        f"synth-scaling run --config-name {name}",
        f"synth-scaling estimate --config-name {name}",
        "Fills",
        "pin",
    ):
        assert part in head
    assert re.search(r"\d+ GPU hours", head)


@pytest.mark.parametrize("name", NODE)
def test_every_grid_has_three_seeds(name: str) -> None:
    text = (configs("sweeps") / f"{name}.yaml").read_text()
    grids = 1 + text.count("      - {")
    assert grids > 4 and len(re.findall(r'seed: "?range\(3\)"?', text)) == grids


def test_one_gpu_takes_every_method_at_every_size_of_gsm8k_with_two_seeds() -> None:
    actual = runs_of("gsm8k_one_gpu")
    methods = ("sft", "rft", "dpo", "step_dpo", "step_sft", "advantage_weighted")
    assert Counter((r.method.name, r.data.problems, r.seed) for r in actual) == Counter(
        (method, n, seed) for method in methods for n in (*SIZES, GSM8K_TRAIN) for seed in (0, 1)
    )
    for r in actual:
        assert r.trainer.num_processes == r.engine.replicas == r.engine.tensor_parallel_size == 1
        assert r.trainer.dtype == r.engine.dtype == "bfloat16" and not r.engine.by_turns and r.trainer.lora.rank == 0
        assert r.method.start == ("pi_sft" if "dpo" in r.method.name else r.method.start)


# -- a launch --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["deepseek-ai/deepseek-math-7b-base", "meta-llama/Llama-2-7b-hf"])
def test_a_launch_without_the_model_is_refused_with_the_command_that_fetches_it(model: str) -> None:
    choice = "deepseek_math_7b" if "deepseek" in model else "llama2_7b"
    with initialize_config_dir(str(configs("conf")), version_base="1.3"):
        composed = compose("config", ["task=gsm8k", f"model={choice}", "trainer=fsdp_7b", "engine=gpu_node"])
    with pytest.raises(ConfigError, match=rf"^model\.path={model}: .* fetch it with: hf download {model}$"):
        typed(composed)


@pytest.mark.parametrize("trainer", ["lora", "ddp", "fsdp_7b", "fsdp_70b"])
@pytest.mark.parametrize("engine", ["gpu_node", "gpu_node_70b"])
def test_presets_are_taken_together(trainer: str, engine: str) -> None:
    (run,) = runs_of("config", ["task=gsm8k", "model=llama2_7b", f"trainer={trainer}", f"engine={engine}"])
    t, e = run.trainer, run.engine
    assert t.dtype == e.dtype == "bfloat16" and e.by_turns and e.replicas * e.tensor_parallel_size == 8
    assert (t.sharding == "fsdp") == trainer.startswith("fsdp") and t.num_processes == (1 if trainer == "lora" else 8)
    assert (t.lora.rank > 0) == (trainer in ("lora", "fsdp_70b"))


@needs_shared
def test_the_longest_gsm8k_run_fits_its_learners() -> None:
    run = runs_of("paper_gsm8k", [f"task.path={DATA / 'gsm8k'}", "seed=0"])[0]
    assert check_context(make_task(run.task), 4096, 20, "a model") == 512 + 320 + 20 + 1
