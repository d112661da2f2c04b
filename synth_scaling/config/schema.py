"""The typed configuration of one run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from hydra.core.config_store import ConfigStore

from synth_scaling.config.environment_variables import register_environment_resolver
from synth_scaling.core.hashing import ADDED, UNKEYED
from synth_scaling.core.validation import ConfigError, above_zero, at_least, filled, one_of
from synth_scaling.credit.options import CREDIT, CreditOptions
from synth_scaling.data.options import DataOptions, JSONLDataOptions
from synth_scaling.methods import METHODS, MethodOptions
from synth_scaling.methods.method import STARTS
from synth_scaling.models.options import MODELS, ModelOptions
from synth_scaling.sampling.options import EngineOptions
from synth_scaling.tasks import TASKS, TaskOptions
from synth_scaling.training.options import TrainerOptions


@dataclass
class RolloutPolicyOptions:
    """Training of pi_sft, which samples responses and completes prefixes. Many epochs memorise its problems."""

    epochs: float = 5  # [passes over D_syn]; with many, pi_sft memorises its problems, and few negatives remain
    learning_rate: float = 1e-3  # peak of the schedule


def check_rollout_policy(policy: RolloutPolicyOptions) -> None:
    """Refuse invalid options. Raises ConfigError."""
    above_zero("rollout_policy.epochs", policy.epochs)
    above_zero("rollout_policy.learning_rate", policy.learning_rate)


@dataclass
class EvaluationOptions:
    split: str = "test"  # "test", or "validation" for choosing settings
    problems: int | None = None  # test problems; null: all of the split
    # values of k at which pass@k is estimated from samples; empty: greedy error only
    pass_at_k: list[int] = field(default_factory=list)
    temperature: float = 1.0  # of the samples for sampled error and pass@k
    # [samples per test problem] of pi_sft at temperature 1, for its initial pass rate; 0: none
    difficulty_rollouts: int = 0
    base: bool = field(default=False, metadata=ADDED)  # the base model is tested as well, before any training
    # [samples per test problem] of the policy at `temperature`: sampled error, correct samples per problem, pass@k; 0:
    # none. Beside the greedy evaluation they are one separate stage, which no other stage depends on: a study that
    # was run without is run again with evaluation.samples=4 from the same store, and only they are computed.
    samples: int = field(default=0, metadata=ADDED)
    # further temperatures, each with as many samples, for sampled error against temperature; needs `samples`
    temperatures: list[float] = field(default_factory=list, metadata=ADDED)


def check_evaluation(evaluation: EvaluationOptions) -> None:
    """Refuse invalid options. Raises ConfigError."""
    one_of("evaluation.split", evaluation.split, ("validation", "test"))
    if evaluation.problems is not None:
        at_least("evaluation.problems", evaluation.problems, 1)
    for k in evaluation.pass_at_k:
        at_least("evaluation.pass_at_k", k, 1)
    at_least("evaluation.difficulty_rollouts", evaluation.difficulty_rollouts, 0)
    above_zero("evaluation.temperature", evaluation.temperature)
    at_least("evaluation.samples", evaluation.samples, 0)
    if evaluation.samples and (k := max(evaluation.pass_at_k, default=0)) > evaluation.samples:
        raise ConfigError(f"evaluation.pass_at_k={k}: allowed are values up to evaluation.samples={evaluation.samples}")
    if evaluation.temperatures and not evaluation.samples:
        raise ConfigError("evaluation.samples=0: with evaluation.temperatures, allowed are values of at least 1")
    for temperature in evaluation.temperatures:
        above_zero("evaluation.temperatures", temperature)


KEEP = ("newest", "all")
LATER_STARTS = (*STARTS, "previous")


@dataclass
class RoundOptions:
    """Rounds of sampling and training. The policy of a round samples the responses that the next one trains on.

    The first round is a run without rounds, so a run with more rounds uses its stages.
    """

    count: int = 1  # [rounds] in the first one pi_sft samples
    # responses that a round trains on: "newest" (its samples alone) or "all" (those of earlier rounds as well)
    keep: str = "newest"
    # checkpoint that training starts from in the second round and later: "base", "pi_sft", or "previous", the policy of
    # the round before; the first round has method.start
    start: str = "previous"


def check_rounds(rounds: RoundOptions, method: str, uses: Collection[str], data: DataOptions) -> None:
    """Refuse invalid options, and rounds of a method that samples nothing or is given its samples. Raises ConfigError.

    `uses`: the parts of the data that the method uses.
    """
    at_least("rounds.count", rounds.count, 1)
    one_of("rounds.keep", rounds.keep, KEEP)
    one_of("rounds.start", rounds.start, LATER_STARTS)
    if rounds.count == 1:
        for key, default in (("keep", "newest"), ("start", "previous")):
            if (value := getattr(rounds, key)) != default:
                raise ConfigError(f"rounds.{key}={value}: with rounds.count=1 allowed is {default}")
        return
    if not uses:
        raise ConfigError(f"rounds.count={rounds.count}: method={method} samples nothing; allowed is 1")
    if data.rollouts_path:
        raise ConfigError(f"rounds.count={rounds.count}: allowed is 1 with data.rollouts_path")


@dataclass
class CertificateOptions:
    """The comparison of sampler and trainer, for each policy that is sampled. It changes no result, and is in no hash.

    A run that is done stays done without it.
    """

    # [samples] of each policy, at its sampling temperature, that sampler and trainer are compared on; 0: no comparison
    samples: int = 100
    # [nats] mean absolute difference of a token's log-probability beyond which a method with ratios refuses to train;
    # null: 0.01 where engine and trainer compute in float32, else 0.1
    bound: float | None = None


def check_certificate(options: CertificateOptions) -> None:
    """Refuse invalid options. Raises ConfigError."""
    at_least("certificate.samples", options.samples, 0)
    if options.bound is not None:
        above_zero("certificate.bound", options.bound)


@dataclass
class TrackingOptions:
    """conf/tracking/*.yaml. `mode` auto: online with a W&B key, else offline."""

    name: str = "wandb"  # "wandb" or "none"
    project: str = "synth-scaling"  # W&B project that runs are logged to
    mode: str = "auto"  # "auto" (online if a W&B key is set, else offline), "online" or "offline"
    sampled_rows: int = 50  # [rows] of each logged table of responses


REFUSED_BY_WANDB = frozenset("/\\#?%:")  # characters, in the name of a project
LONGEST_PROJECT = 128  # [characters]


def check_tracking(tracking: TrackingOptions) -> None:
    """Refuse invalid options. Raises ConfigError."""
    one_of("tracking.name", tracking.name, ("wandb", "none"))
    filled("tracking.project", tracking.project)
    refused = sorted(REFUSED_BY_WANDB & set(tracking.project))
    if tracking.name == "wandb" and (refused or len(tracking.project) > LONGEST_PROJECT):
        allowed = f"up to {LONGEST_PROJECT} characters, none of {' '.join(sorted(REFUSED_BY_WANDB))}"
        raise ConfigError(f"tracking.project={tracking.project}: W&B refuses the name; allowed are {allowed}")
    one_of("tracking.mode", tracking.mode, ("auto", "online", "offline"))
    at_least("tracking.sampled_rows", tracking.sampled_rows, 0)


# Values of `figure`: the figures and claims of the analysis that read a run, and scans of the paper's sweeps.
FIGURES = (
    "size",  # error against N: the study itself, and the reference of all others
    "rounds",  # error against the number of rounds
    "positives",
    "teacher",
    "grid",  # of N and negatives
    "pairing",
    "filter",
    "best_of",
    "rollout_policy",
    "rollouts",
    # worlds like `collect`: the number of correct next steps, the habits of the base, the length of a response, and
    # errors that share no rule
    "choices",
    "habits",
    "length",
    "apart",
)


@dataclass
class Config:
    """One run. `label` names the curve that it is a point of, `figure` the figure that it was run for."""

    task: TaskOptions = field(default_factory=TaskOptions)  # a group, chosen by task=NAME
    model: ModelOptions = field(default_factory=ModelOptions)  # a group, chosen by model=NAME
    method: MethodOptions = field(default_factory=MethodOptions)  # a group, chosen by method=NAME
    data: DataOptions = field(default_factory=DataOptions)  # a group, chosen by data=NAME
    rollout_policy: RolloutPolicyOptions = field(default_factory=RolloutPolicyOptions)  # how pi_sft is trained
    credit: CreditOptions = field(default_factory=CreditOptions)  # a group, chosen by credit=NAME
    engine: EngineOptions = field(default_factory=EngineOptions)  # a group, chosen by engine=NAME
    trainer: TrainerOptions = field(default_factory=TrainerOptions)  # a group, chosen by trainer=NAME
    evaluation: EvaluationOptions = field(default_factory=EvaluationOptions)  # how the policy is tested
    rounds: RoundOptions = field(default_factory=RoundOptions, metadata=ADDED)  # of sampling and training
    # whether sampler and trainer agree on each policy that is sampled
    certificate: CertificateOptions = field(default_factory=CertificateOptions, metadata=UNKEYED)
    tracking: TrackingOptions = field(default_factory=TrackingOptions)  # a group, chosen by tracking=NAME
    seed: int = 0  # of demonstrations, data order and sampling
    threads: int = 1  # [threads] of the process; part of what determines the bits of a result
    label: str = "${method.name}"  # the curve that the run is a point of
    figure: str = "size"  # the figure that the run belongs to, one of FIGURES; `size` is error against N
    sweep: str = "single"  # name of the sweep, and of its folder and W&B group
    output: str = "outputs/${sweep}"  # folder of the runs
    store: str = "outputs/store"  # folder of the stages, which sweeps may share


def register_schemas() -> None:
    """Register the options dataclasses with Hydra: the types of conf/'s groups, and the resolver of the environment."""
    register_environment_resolver()
    store = ConfigStore.instance()
    store.store(name="schema", node=Config)
    for name, (_, options) in TASKS.items():
        store.store(group="task", name=f"{name}_schema", node=options)
    for name, method in METHODS.items():
        store.store(group="method", name=f"{name}_schema", node=method.options)
    # A plugin's options compose without a YAML file.
    for name in TASKS.plugins:
        store.store(group="task", name=name, node=TASKS[name][1])
    for name in METHODS.plugins:
        store.store(group="method", name=name, node=METHODS[name].options)
    for name, kind in MODELS.items():
        store.store(group="model", name=f"{name}_schema", node=kind)
    store.store(group="data", name="schema", node=DataOptions)
    store.store(group="data", name="jsonl_schema", node=JSONLDataOptions)
    for name, credit in CREDIT.items():
        store.store(group="credit", name=f"{name}_schema", node=credit)
    store.store(group="engine", name="schema", node=EngineOptions)
    store.store(group="trainer", name="schema", node=TrainerOptions)
    store.store(group="tracking", name="schema", node=TrackingOptions)
