"""Methods by name: those of the paper's comparison, one file each.

Methods of other packages are added through entry points: :class:`synth_scaling.core.registry.Registry`.
"""

from synth_scaling.core.registry import Registry, check_default_name
from synth_scaling.methods import (
    advantage_weighted,
    dpo,
    full_step_dpo,
    kto,
    nft,
    reinforce,
    rejected_only,
    rft,
    rft_filtered,
    sft,
    step_dpo,
    step_reinforce,
    step_sft,
    topr,
    unlikelihood,
)
from synth_scaling.methods.method import ExpectedData, Graded, Method, MethodOptions, PreferenceOptions, check_method

_BUILT_IN: dict[str, Method] = {
    "sft": sft.METHOD,
    "rft": rft.METHOD,
    "rft_filtered": rft_filtered.METHOD,
    "dpo": dpo.METHOD,
    "dpo_edit_distance": dpo.EDIT_DISTANCE,
    "step_dpo": step_dpo.METHOD,
    "full_step_dpo": full_step_dpo.METHOD,
    "step_sft": step_sft.METHOD,
    "rejected_only": rejected_only.METHOD,
    "advantage_weighted": advantage_weighted.METHOD,
    "reinforce": reinforce.METHOD,
    "topr": topr.METHOD,
    "nft": nft.METHOD,
    "step_reinforce": step_reinforce.METHOD,
    "unlikelihood": unlikelihood.METHOD,
    "kto": kto.METHOD,
}


def _checked(name: str, component: object) -> Method:
    """A plugin's method. Raises ValueError unless it is one."""
    if not isinstance(component, Method):
        raise ValueError(f"{component!r}; allowed is a synth_scaling.methods.Method")
    check_default_name(name, component.options)
    return component


METHODS: Registry[Method] = Registry("methods", _BUILT_IN, _checked)

__all__ = ["METHODS", "ExpectedData", "Graded", "Method", "MethodOptions", "PreferenceOptions", "check_method"]
