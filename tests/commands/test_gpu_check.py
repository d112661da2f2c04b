"""`make gpu-check` in its small form, and its order of parts, obstacles and failures without any model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from synth_scaling import gpu_check
from synth_scaling.certificate.part import FAILED, LEFT_OUT, OK, Line, Setup
from synth_scaling.certificate.parts import PARTS, PROCESSES, obstacle, processes_of
from synth_scaling.certificate.report import formatted, markdown, printed
from synth_scaling.training.precision import slow_bfloat16

GPU_ONLY = {name for name, part in PARTS.items() if part.cuda}


def setup_of(folder: Path, cuda: bool = False, model: str = "nowhere/at-all") -> Setup:
    return Setup(str(folder), model, small=True, cuda=cuda)


# -- which parts run -------------------------------------------------------------------------------------------------


def test_every_part_has_a_process_and_a_function() -> None:
    assert [name for group in PROCESSES for name in group] == list(PARTS)
    for part in PARTS.values():
        assert callable(part.function())
        assert set(part.after) <= PARTS.keys()


def test_on_a_gpu_each_engine_has_a_process_and_on_a_cpu_all_parts_share_one(tmp_path: Path) -> None:
    assert processes_of(setup_of(tmp_path), ["step_dpo", "model"]) == [("model", "step_dpo")]
    assert processes_of(setup_of(tmp_path, cuda=True), ["step_dpo", "model"]) == [("model",), ("step_dpo",)]
    for group in processes_of(setup_of(tmp_path, cuda=True), list(PARTS)):
        assert sum(PARTS[name].vllm for name in group) <= 1


def test_a_part_left_out_without_gpu_without_vllm_or_after_a_failure_is_reported(tmp_path: Path) -> None:
    cpu, gpu = setup_of(tmp_path), setup_of(tmp_path, cuda=True)
    for name, part in PARTS.items():
        assert obstacle(name, gpu, {}, vllm=True) is None
        assert (obstacle(name, cpu, {}, vllm=True) == "not run on CPU: only a GPU can show it") == part.cuda
        assert (obstacle(name, gpu, {}, vllm=False) == "vLLM is not installed") == part.vllm
    for status in (FAILED, LEFT_OUT):
        assert (
            obstacle("train_full", cpu, {"model": status}, vllm=True) == "needs the part model, which did not succeed"
        )
    emulated = replace(cpu, slow_bfloat16="emulated")
    for name, part in PARTS.items():
        assert (obstacle(name, emulated, {}, vllm=True) == "emulated") == (part.bfloat16 and not part.cuda)
    without = {name for name in PARTS if obstacle(name, gpu, {}, vllm=False) is None}
    assert without >= {"train_lora", "train_full", "log_probs_bfloat16", "log_probs_float32"}


# -- the table -------------------------------------------------------------------------------------------------------


def test_a_line_shows_seconds_memory_and_measures_or_the_reason() -> None:
    line = Line("train_lora", OK, "", 12.34, 3 * 2**30, 2**29, {"tokens_per_second": 12345.6, "equal": True})
    head, below = printed(line).splitlines()
    assert head.split() == ["training,", "LoRA", "ok", "12.3", "3.00", "0.50"]
    assert below == "    tokens per second 12,346, equal yes"
    failed = Line("train_full", FAILED, "OutOfMemoryError: CUDA | 80 GiB", 3.0)
    assert "OutOfMemoryError: CUDA | 80 GiB" in printed(failed)
    table = list(markdown([line, failed]))
    assert len({row.count("|") for row in table}) == 1  # a bar in a reason splits no cell
    assert formatted({"mean": 0.000123456, "tokens": 12, "device": "CPU"}) == [
        "mean 0.0001235",
        "tokens 12",
        "device CPU",
    ]


# -- failures --------------------------------------------------------------------------------------------------------


def test_a_missing_model_is_one_failed_line_and_the_others_name_the_missing_part(tmp_path: Path) -> None:
    lines, _ = gpu_check.check(setup_of(tmp_path), ["model", "train_full", "sample_graphs"], minutes=5)
    assert [(line.part, line.status) for line in lines] == [
        ("model", FAILED),
        ("train_full", LEFT_OUT),
        ("sample_graphs", LEFT_OUT),
    ]
    assert lines[0].reason.startswith("model.path=nowhere/at-all: neither a folder nor in the local")


def test_a_process_that_is_killed_fails_its_part_and_the_next_parts_run_in_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of a part is over while it runs: its process is ended, and the part after it is reached."""
    monkeypatch.setattr(gpu_check, "PART_SHARE", 0.0)
    lines, _ = gpu_check.check(setup_of(tmp_path), ["machine", "sample_graphs"], minutes=5)
    assert [line.part for line in lines] == ["machine", "sample_graphs"]
    assert (lines[0].status, lines[0].reason) == (FAILED, "not done after 0 s")


def test_parts_are_left_out_once_the_time_is_over(tmp_path: Path) -> None:
    lines, _ = gpu_check.check(setup_of(tmp_path), ["machine", "model"], minutes=-1)
    assert {(line.status, line.reason) for line in lines} == {(LEFT_OUT, "the time for the check was over")}


def test_an_unknown_part_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu_check.main(["--parts", "train_lora,sing"]) == 2
    assert capsys.readouterr().err.startswith("--parts=sing: allowed are machine, model, train_lora")


# -- the small form --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_small_form_runs_every_part_that_a_cpu_can_show(short_smollm2: Path, tmp_path: Path) -> None:
    """All but step_dpo, which needs a model that answers."""
    parts = [name for name in PARTS if name != "step_dpo"]
    chosen = ["--parts", ",".join(parts), "--minutes", "14"]
    assert gpu_check.main(["--small", "--model", str(short_smollm2), "--output", str(tmp_path), *chosen]) == 0
    record = json.loads((tmp_path / "gpu_check.json").read_text())
    lines = {line["part"]: line for line in record["lines"]}
    assert list(lines) == parts
    emulated = slow_bfloat16() is not None  # on such a CPU training is in float32
    left_out = GPU_ONLY | ({name for name, part in PARTS.items() if part.bfloat16} if emulated else set())
    assert {name: line["status"] for name, line in lines.items()} == {
        name: LEFT_OUT if name in left_out else OK for name in parts
    }
    table = (tmp_path / "gpu_check.md").read_text()
    assert len(table.splitlines()) == 2 + len(parts) and "not run on CPU" in table

    measures = {name: line["measures"] for name, line in lines.items()}
    for name in ("train_lora", "train_full"):
        assert measures[name]["dtype"] == ("float32" if emulated else "bfloat16")
        assert measures[name]["tokens_per_second"] > 0 and measures[name]["last_loss"] < measures[name]["first_loss"]
    exact = measures["log_probs_float32"]
    assert measures["sample_float32"]["greedy_equal_after_swap"]
    assert exact["sampler_max"] < 1e-3 and exact["trainer_row_by_row_max"] < 1e-3
    if not emulated:
        rounded = measures["log_probs_bfloat16"]
        assert measures["sample_eager"]["greedy_equal_after_swap"]
        assert 1e-4 < rounded["sampler_mean"] < 0.1 and 1e-4 < rounded["trainer_in_float32_mean"] < 0.1


@pytest.mark.slow
def test_the_small_form_runs_a_whole_run(smollm2: Path, tmp_path: Path) -> None:
    chosen = ["--parts", "model,step_dpo", "--minutes", "14"]
    assert gpu_check.main(["--small", "--model", str(smollm2), "--output", str(tmp_path), *chosen]) == 0
    record = json.loads((tmp_path / "gpu_check.json").read_text())
    measures = {line["part"]: line["measures"] for line in record["lines"]}
    assert measures["step_dpo"]["pairs"] > 0 and measures["step_dpo"]["negative_values_seconds"] > 0
