"""What runs will cost before any is made: tokens and FLOPs of their stages, those that are shared counted once.

Pure: a function of configurations, for which no file of a model has to be here. FLOPs follow
:mod:`synth_scaling.core.flops`. Amounts that only the runs will tell are assumed: :class:`Assumed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from synth_scaling.config.schema import Config
from synth_scaling.core.flops import sampling_flops, training_flops
from synth_scaling.core.hashing import content_hash, key_of
from synth_scaling.core.stage import Cost
from synth_scaling.credit.options import search_of
from synth_scaling.data.options import JSONLDataOptions
from synth_scaling.forecast.model_sizes import matmul_parameters_of
from synth_scaling.forecast.text_lengths import Lengths, lengths_of
from synth_scaling.methods import METHODS, ExpectedData, MethodOptions, PreferenceOptions
from synth_scaling.methods.sft import SFTOptions
from synth_scaling.models.options import PretrainedOptions, TinyOptions


@dataclass(frozen=True)
class Assumed:
    """Shares that only a run tells. Defaults: rows of results/maze_full at N = 400, rounded; nothing larger was run."""

    wrong: float = 0.4  # of pi_sft's responses to the problems that it was trained on (0.37; 0.49 at 50, 0.26 at 1,600)
    distinct: float = 0.9  # of right or of wrong responses to a problem, those that differ
    until_pit: float = 0.6  # of a wrong response's steps, those up to the first without a right completion
    prefixes: float = 0.9  # of the prefixes of all responses, those that differ
    pairs: float = 0.95  # of the wrong responses, those with a right continuation before their pit
    bisect: float = 0.33  # of the tokens of exhaustive values of wrong responses, those of a bisection (results/credit)
    adaptive: float = 0.26  # of an adaptive search
    forward: float = 0.3  # of one step by step
    longer: float = 1.0  # a sampled response's length in a teacher's


@dataclass(frozen=True)
class Stage:
    """A stage as one run calls it; stages with one key are made once."""

    name: str
    key: str
    cost: Cost


def stages_of(config: Config, assumed: Assumed | None = None) -> list[Stage]:
    """The stages of a run with their expected costs, in the order of :mod:`synth_scaling.experiment.pipeline`.

    Raises ConfigError for a model whose size is unknown.
    """
    return _Run(config, assumed or Assumed()).stages()


def made_once(configs: Iterable[Config], assumed: Assumed | None = None) -> list[Stage]:
    """The stages of several runs, each named as by the first that needs it."""
    found: dict[str, Stage] = {}
    for config in configs:
        for stage in stages_of(config, assumed):
            found.setdefault(stage.key, stage)
    return list(found.values())


def total(stages: Iterable[Stage]) -> Cost:
    return sum((stage.cost for stage in stages), Cost())


class _Run:
    def __init__(self, config: Config, assumed: Assumed) -> None:
        self.config, self.assumed = config, assumed
        self.lengths = _lengths(config)
        self.parameters = matmul_parameters_of(config.model, self.lengths.vocabulary)
        self.response = assumed.longer * self.lengths.response
        data = config.data
        right = (1 - assumed.wrong) * assumed.distinct * data.rollouts
        wrong = assumed.wrong * assumed.distinct * data.rollouts
        self.demonstrations = data.problems * data.traces
        self.positives = data.problems * min(data.positives, right)
        self.negatives = min(data.problems * min(data.negatives, wrong), data.max_negatives or float("inf"))

    def stages(self) -> list[Stage]:
        """As :func:`synth_scaling.experiment.pipeline.run` goes."""
        c, data, uses = self.config, self.config.data, METHODS[self.config.method.name].uses
        made: list[Stage] = []

        def add(name: str, key: Mapping[str, Any], cost: Cost) -> str:
            made.append(Stage(name, content_hash({"stage": name, **key}), cost))
            return made[-1].key

        base = self._base(made)
        d_syn = {"start": base, "problems": data.problems, "traces": data.traces, "seed": c.seed, **_source(c)}
        few = SFTOptions(epochs=c.rollout_policy.epochs, learning_rate=c.rollout_policy.learning_rate)
        pi_sft = self._policy("pi_sft", few, d_syn)
        parts: dict[str, Any] = {}
        if uses or c.method.start == "pi_sft":
            made.append(pi_sft)
        if uses:
            drawn = {
                "policy": pi_sft.key,
                "n": data.rollouts,
                "temperature": data.temperature,
                "engine": key_of(c.engine),
            }
            rollouts = add("rollouts", drawn, self._sampled(data.problems, data.rollouts))
            parts["rollouts"] = rollouts
            for kind, k, most, stop in (
                ("negative", c.credit.rollouts, [data.negatives, data.max_negatives], c.credit.stop_at_zero),
                ("positive", c.credit.positive_rollouts, [data.positives], False),
            ):
                if f"{kind}s" in uses:
                    parts[kind] = most
                if f"{kind}_values" in uses:
                    options = {"of": rollouts, "most": most, "k": k, "stop": stop, "t": c.credit.temperature}
                    if kind == "negative":
                        options |= asdict(search_of(c.credit))
                    parts[f"{kind}_values"] = add(f"{kind}_values", options, self._values(kind, k, stop))
        policy = self._policy(
            "policy", c.method, {**d_syn, "start": base if c.method.start == "base" else pi_sft.key, **parts}
        )
        made.append(policy)
        self._tests(add, base, policy.key, pi_sft, made)
        return made

    def _base(self, made: list[Stage]) -> str:
        m = self.config.model
        if not isinstance(m, TinyOptions):
            assert isinstance(m, PretrainedOptions)
            return content_hash({"path": m.path, "revision": m.revision})
        tokens = round(m.pretrain_documents * self.lengths.document)
        cost = Cost(tokens_trained=tokens, flops_training=training_flops(self.parameters, tokens))
        made.append(
            Stage("base", content_hash({"stage": "base", "task": key_of(self.config.task), "model": key_of(m)}), cost)
        )
        return made[-1].key

    def _tests(self, add: Any, base: str, policy: str, pi_sft: Stage, made: list[Stage]) -> None:
        c, e = self.config, self.config.evaluation
        tested = e.problems or self.lengths.tested[e.split]
        common = {"split": e.split, "tested": tested, "engine": key_of(c.engine), "seed": c.seed}
        add("evaluation", {"policy": policy, **common}, self._sampled(tested, 1))
        if e.pass_at_k:
            n = max(e.pass_at_k)
            add(
                "pass_at_k",
                {"policy": policy, "n": n, "temperature": e.temperature, **common},
                self._sampled(tested, n),
            )
        if e.base:
            add("base_evaluation", {"policy": base, **common}, self._sampled(tested, 1))
        if e.difficulty_rollouts:
            if pi_sft not in made:
                made.append(Stage("initial_policy", pi_sft.key, pi_sft.cost))
            n = e.difficulty_rollouts
            add("initial_responses", {"policy": pi_sft.key, "n": n, **common}, self._sampled(tested, n))

    def _policy(self, name: str, method: MethodOptions, rows: Mapping[str, Any]) -> Stage:
        once = self._tokens(method)
        tokens = round(method.epochs * once)
        trainer = self.config.trainer
        reference = 0
        if isinstance(method, PreferenceOptions):
            reference = tokens if trainer.sharding == "fsdp" and trainer.lora.rank else round(once)
        flops = training_flops(self.parameters, tokens, reference, frozen=trainer.lora.rank > 0)
        key = content_hash(
            {"stage": "policy", "method": key_of(method), "trainer": key_of(trainer), "rows": dict(rows)}
        )
        return Stage(name, key, Cost(tokens_trained=tokens, flops_training=flops))

    def _tokens(self, options: MethodOptions) -> float:
        """Tokens of the rows of the method that `options` belong to, gone over once."""
        assumed, lengths = self.assumed, self.lengths
        data = ExpectedData(
            demonstrations=self.demonstrations,
            positives=self.positives,
            negatives=self.negatives,
            pairs=self.negatives * assumed.pairs,
            prompt=lengths.prompt,
            demonstration=lengths.response,
            response=self.response,
            step=self.response / lengths.steps,
            before_error=self.response * max(0.0, assumed.until_pit - 1 / lengths.steps),
        )
        return METHODS[options.name].expected_tokens(options, data)

    def _sampled(self, prompts: float, n: int) -> Cost:
        tokens = prompts * n * self.response
        flops = sampling_flops(self.parameters, round(prompts * self.lengths.prompt), round(tokens))
        return Cost(tokens_sampled=round(tokens), flops_sampling=flops)

    def _values(self, kind: str, k: int, stop: bool) -> Cost:
        """Prefixes end after any step but the last; of a wrong response's, those up to its pit where `stop` says so."""
        share = self.assumed.until_pit if stop else 1.0
        prefixes = (self.negatives if kind == "negative" else self.positives) * (self.lengths.steps - 1) * share
        prefixes *= self.assumed.prefixes
        if kind == "negative":
            prefixes *= {
                "exhaustive": 1.0,
                "bisect": self.assumed.bisect,
                "adaptive": self.assumed.adaptive,
                "forward": self.assumed.forward,
            }[self.config.credit.name]
        begun = self.response * share / 2  # mean length of a prefix
        tokens = prefixes * k * (self.response - begun)
        flops = sampling_flops(self.parameters, round(prefixes * (self.lengths.prompt + begun)), round(tokens))
        return Cost(tokens_sampled=round(tokens), flops_sampling=flops)


def _source(config: Config) -> dict[str, Any]:
    data = config.data
    return {"task": key_of(config.task), "path": data.path if isinstance(data, JSONLDataOptions) else None}


_known: dict[str, Lengths] = {}


def _lengths(config: Config) -> Lengths:
    key = repr((config.task, config.model))
    if key not in _known:
        _known[key] = lengths_of(config.task, config.model)
    return _known[key]
