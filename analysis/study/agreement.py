"""Agreement of sampler and trainer over the runs of a study, from the certificates in their rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.data.results import Results


def agreement_summary(results: Results) -> dict[str, float] | None:
    """The largest mean and the largest single difference of log p_sampler and log p_trainer, in nats, and the KL.

    Over all policies with a certificate, whose number is `policies`, of `runs` runs. None if no row has one, as in
    rows of earlier versions.
    """
    certificates = [list(row.values()) for row in map(_certificate, results.rows.to_dict("records")) if row]
    policies = [policy for row in certificates for policy in row]
    if not policies:
        return None
    return {
        **{name: max(float(policy[name]) for policy in policies) for name in ("mean", "largest", "kl")},
        "policies": len(policies),
        "runs": len(certificates),
    }


def agreement_note(results: Results) -> list[str]:
    """One sentence on :func:`agreement_summary`, or none."""
    if (of := agreement_summary(results)) is None:
        return []
    return [
        f"Sampler and trainer differ by at most {of['mean']:.2g} nats a token on average ({of['largest']:.2g} at one "
        f"token, KL {of['kl']:.2g}), over {of['policies']} policies of {of['runs']} runs."
    ]


def _certificate(row: Mapping[Any, Any]) -> Mapping[str, Any]:
    value = row.get("certificate")
    return value if isinstance(value, Mapping) else {}  # NaN: a row without the column beside rows with it
