"""Methods by name: those of the paper's comparison, one file each."""

from synth_scaling.methods import advantage_weighted, dpo, rejected_only, rft, rft_filtered, sft, step_dpo, step_sft
from synth_scaling.methods.method import ExpectedData, Graded, Method, MethodOptions, PreferenceOptions, check_method

METHODS: dict[str, Method] = {
    "sft": sft.METHOD,
    "rft": rft.METHOD,
    "rft_filtered": rft_filtered.METHOD,
    "dpo": dpo.METHOD,
    "dpo_edit_distance": dpo.EDIT_DISTANCE,
    "step_dpo": step_dpo.METHOD,
    "step_sft": step_sft.METHOD,
    "rejected_only": rejected_only.METHOD,
    "advantage_weighted": advantage_weighted.METHOD,
}

__all__ = ["METHODS", "ExpectedData", "Graded", "Method", "MethodOptions", "PreferenceOptions", "check_method"]
