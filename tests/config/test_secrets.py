"""No secret enters a configuration, neither by a key, nor by a value, nor from the environment."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_scaling.config.environment_variables import ALLOWED, variable
from synth_scaling.config.secret_checks import check_secrets
from synth_scaling.core.validation import ConfigError

SECRET = "s3cret-0123456789"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", SECRET)


@pytest.mark.parametrize(
    "config",
    [
        {"task": {"api_key": "x"}},
        {"engine": {"headers": {"auth_token": "x"}}},
        {"task": {"db_password": "x"}},
        {"label": SECRET},
        {"label": f"run with {SECRET}!"},
        {"tracking": {"tags": ["a", SECRET]}},
        {"task": {"url": "https://me:pw@host/v1"}},
        {"model": {"path": "prefix https://token@host"}},
    ],
)
def test_a_secret_is_refused_and_not_repeated(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as refused:
        check_secrets(config)
    assert SECRET not in str(refused.value) and "me:pw" not in str(refused.value) and "token@" not in str(refused.value)


def test_what_is_no_secret_is_allowed() -> None:
    check_secrets(
        {
            "task": {"api_key": "", "key": None, "monkey": "x", "api_key_env": "WANDB_API_KEY", "max_tokens": 3},
            "model": {"path": "/a/key", "url": "https://host/a@b"},
            "label": "token",
        }
    )


@given(st.recursive(st.text(max_size=8) | st.integers() | st.none(), lambda inner: st.lists(inner, max_size=3)))
def test_a_secret_is_seen_at_any_depth(node: Any) -> None:
    with pytest.raises(ConfigError):
        check_secrets({"task": {"more": [node, [{"text": f"<{SECRET}>"}]]}})


# -- the environment in configuration files --------------------------------------------------------------------------


@pytest.mark.parametrize("allowed", ["", "SIZES", "wandb_api_key", "SIZES,WANDB_API", "*"])
def test_a_variable_that_is_not_allowed_is_refused_also_with_a_default(
    allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOWED, allowed)
    for default in (None, "x"):
        with pytest.raises(
            ConfigError, match=r"^\$\{oc.env:WANDB_API_KEY\}: allowed are the environment variables"
        ) as no:
            variable("WANDB_API_KEY", default)
        assert SECRET not in str(no.value)


def test_an_allowed_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOWED, " SIZES, ABSENT,")
    monkeypatch.setenv("SIZES", "10,20")
    assert (variable("SIZES"), variable("SIZES", "1"), variable("ABSENT", "7")) == ("10,20", "10,20", "7")
    with pytest.raises(ConfigError, match="ABSENT}: the environment variable is not set; allowed is a value or a defa"):
        variable("ABSENT")
