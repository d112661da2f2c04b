"""Parameters and FLOPs of a checkpoint small enough to count by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from synth_scaling.core.flops import matmul_parameters, sampling_flops, training_flops

# Vocabulary 11, width 4: two tables of 44, an inner matrix of 12, a norm of 4.
EMBEDDING = {"model.embed_tokens.weight": np.zeros((11, 4), np.float32)}
INNER = {
    "model.layers.0.mlp.up_proj.weight": np.zeros((3, 4), np.float32),
    "model.norm.weight": np.zeros(4, np.float32),
}
OUTPUT = {"lm_head.weight": np.zeros((11, 4), np.float32)}


def checkpoint(folder: Path, *files: dict[str, np.ndarray], **config: bool) -> Path:
    for i, tensors in enumerate(files):
        save_file(tensors, folder / f"model-{i}.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_all_but_the_input_embedding_count(tmp_path: Path) -> None:
    assert matmul_parameters(checkpoint(tmp_path, EMBEDDING | INNER | OUTPUT, tie_word_embeddings=False)) == 12 + 4 + 44


def test_an_embedding_is_untied_unless_the_config_ties_it(tmp_path: Path) -> None:
    assert matmul_parameters(checkpoint(tmp_path, EMBEDDING | INNER | OUTPUT)) == 12 + 4 + 44


def test_a_tied_embedding_counts_once_as_the_output_layer(tmp_path: Path) -> None:
    assert matmul_parameters(checkpoint(tmp_path, EMBEDDING | INNER, tie_word_embeddings=True)) == 44 + 12 + 4


def test_shards_add_up(tmp_path: Path) -> None:
    assert matmul_parameters(checkpoint(tmp_path, EMBEDDING, INNER, OUTPUT, tie_word_embeddings=False)) == 60


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"no safetensors file in {tmp_path}"):
        matmul_parameters(checkpoint(tmp_path))


def test_training_is_six_a_parameter_and_token_and_two_for_the_reference() -> None:
    assert training_flops(60, 1000) == 360_000
    assert training_flops(60, 1000, reference_tokens=500) == 360_000 + 60_000


def test_sampling_is_two_a_parameter_and_token_prompt_included() -> None:
    assert sampling_flops(60, 100, 1000) == 132_000
    assert sampling_flops(60, 100, 0) + sampling_flops(60, 0, 1000) == sampling_flops(60, 100, 1000)
