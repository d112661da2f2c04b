"""The stages that a run needs, from its configuration alone: the pipeline and the forecast both follow this list."""

from __future__ import annotations

from synth_scaling.config.schema import Config, EvaluationOptions
from synth_scaling.data.options import DataOptions
from synth_scaling.methods import METHODS


def needed_stages(config: Config) -> tuple[str, ...]:
    """Names of the stages of a run (keys of :data:`synth_scaling.core.stage.ROLES`), in the order of the pipeline."""
    uses, evaluation = METHODS[config.method.name].uses, config.evaluation
    names = ["base"]
    if uses or config.method.start == "pi_sft":
        names += ["pi_sft"]
    certified = config.certificate.samples > 0
    if uses:
        names += ["pi_sft_certificate"] * certified + rollout_stages(config.data)
    if "negative_values" in uses or (config.credit.as_positives and "positives" in uses):
        names += ["negative_values"]
    if "positive_values" in uses:
        names += ["positive_values"]
    if "reference_logprobs" in uses:
        names += ["reference_logprobs"]
    if evaluation.base:
        names += ["base_evaluation"]
    if evaluation.difficulty_rollouts:
        names += ["initial_policy", "initial_responses"]
    names += ["policy", *["policy_certificate"] * certified, "evaluation"]
    names += sample_stages(evaluation) or (["pass_at_k"] if evaluation.pass_at_k else [])
    return tuple(names)


def rollout_stages(data: DataOptions) -> list[str]:
    """The stage of all rollouts, or those of their blocks of `data.rollout_block` each."""
    if data.rollout_block is None:
        return ["rollouts"]
    return [f"rollouts_{block}" for block in range(-(-data.rollouts // data.rollout_block))]


def sample_stages(evaluation: EvaluationOptions) -> dict[str, float]:
    """The stages of the policy's samples on the test problems, with their temperatures; none without samples."""
    if not evaluation.samples:
        return {}
    return {f"samples_{t:g}": t for t in (evaluation.temperature, *evaluation.temperatures)}
