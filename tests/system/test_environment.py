"""The record of a run's environment holds no secret of the command line."""

from __future__ import annotations

import pytest

from synth_scaling.system.environment import environment
from synth_scaling.system.masking import masked


@pytest.mark.parametrize(
    "word",
    [
        "tracking.api_key=s3cret",
        "+wandb_api_key=s3cret",
        "+env.TOKEN=s3cret",
        "--password=s3cret",
        "extra.secret: s3cret",
        "base_url=https://me:s3cret@host/v1",
    ],
)
def test_values_of_secrets_are_masked(word: str) -> None:
    assert "s3cret" not in masked(word) and masked(word).startswith(word[:3])


@pytest.mark.parametrize(
    "word", ["engine.max_tokens=100", "engine.api_key_env=KEY", "seed=1", "model.path=/a/key", "monkey=1", "a@b"]
)
def test_other_words_are_unchanged(word: str) -> None:
    assert masked(word) == word


def test_the_record_has_the_masked_command(monkeypatch: pytest.MonkeyPatch) -> None:
    environment.cache_clear()
    monkeypatch.setattr("sys.argv", ["synth-scaling", "+tracking.token=s3cret", "seed=1"])
    assert environment()["command"] == ["synth-scaling", "+tracking.token=***", "seed=1"]
    environment.cache_clear()
