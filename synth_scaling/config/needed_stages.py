"""The stages that a run needs, from its configuration alone: the pipeline and the forecast both follow this list."""

from __future__ import annotations

from synth_scaling.config.schema import Config, EvaluationOptions
from synth_scaling.core.stage import in_round
from synth_scaling.data.options import DataOptions
from synth_scaling.methods import METHODS


def needed_stages(config: Config) -> tuple[str, ...]:
    """Names of the stages of a run (keys of :data:`synth_scaling.core.stage.ROLES`), in the order of the pipeline."""
    uses, evaluation = METHODS[config.method.name].uses, config.evaluation
    names = ["base"]
    if uses or config.method.start == "pi_sft":
        names += ["pi_sft"]
    if uses and config.certificate.samples:
        names += ["pi_sft_certificate"]
    if evaluation.base:
        names += ["base_evaluation"]
    if evaluation.difficulty_rollouts:
        names += ["initial_policy", "initial_responses"]
    for number in range(1, config.rounds.count + 1):
        names += _stages_of_round(config, number)
    return tuple(names)


def _stages_of_round(config: Config, number: int) -> list[str]:
    """Sampling from the round's first policy, training its last one, and that one's test."""
    uses, evaluation = METHODS[config.method.name].uses, config.evaluation
    names = []
    if "negative_values" in uses or (config.credit.as_positives and "positives" in uses):
        names += ["negative_values"]
    if "positive_values" in uses:
        names += ["positive_values"]
    if "reference_logprobs" in uses:
        names += ["reference_logprobs"]
    names += ["policy"]
    if config.certificate.samples:
        names += ["policy_certificate"]
    names += ["evaluation"]
    if evaluation.pass_at_k and not evaluation.samples:
        names += ["pass_at_k"]
    return [
        *(rollout_stages(config.data, number) if uses else []),
        *(in_round(name, number) for name in names),
        *sample_stages(evaluation, number),
    ]


def rollout_stages(data: DataOptions, number: int = 1) -> list[str]:
    """The stage of all rollouts of a round, or those of their blocks of `data.rollout_block` each."""
    if data.rollout_block is None:
        return [in_round("rollouts", number)]  # of the round's sampling policy, or of data.rollouts_path
    return [in_round(f"rollouts_{block}", number) for block in range(-(-data.rollouts // data.rollout_block))]


def sample_stages(evaluation: EvaluationOptions, number: int = 1) -> dict[str, float]:
    """The stages of a round's policy's samples on the test problems, with their temperatures; none without samples."""
    if not evaluation.samples:
        return {}
    return {in_round(f"samples_{t:g}", number): t for t in (evaluation.temperature, *evaluation.temperatures)}
