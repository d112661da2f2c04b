"""Expected tokens and FLOPs of the stages of runs; a stage that several runs share is counted once.

A pure function of configurations that needs no file of a model. FLOPs follow :mod:`synth_scaling.core.flops`; amounts
that only the runs show are assumptions (:class:`Assumed`). The stages of a run are those of
:func:`synth_scaling.config.needed_stages.needed_stages`, which the pipeline follows, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from synth_scaling.config.needed_stages import needed_stages, rollout_stages, sample_stages
from synth_scaling.config.schema import Config
from synth_scaling.core.flops import sampling_flops, training_flops
from synth_scaling.core.hashing import content_hash, key_of
from synth_scaling.core.stage import Cost, in_round, role_of, round_of, stage_family
from synth_scaling.credit.options import search_of
from synth_scaling.data.options import JSONLDataOptions
from synth_scaling.forecast.model_sizes import matmul_parameters_of
from synth_scaling.forecast.text_lengths import Lengths, lengths_of
from synth_scaling.methods import METHODS, ExpectedData, MethodOptions, PreferenceOptions
from synth_scaling.methods.sft import SFTOptions
from synth_scaling.models.options import PretrainedOptions, TinyOptions
from synth_scaling.training.options import used_options


@dataclass(frozen=True)
class Assumed:
    """Shares that only a run shows. Defaults: results/maze_full at N = 400, rounded; no larger study was run."""

    wrong: float = 0.4  # of pi_sft's responses to the problems that it was trained on (0.37; 0.49 at 50, 0.26 at 1,600)
    distinct: float = 0.9  # distinct ones among the correct (or the incorrect) responses to a problem
    until_pit: float = 0.6  # steps of an incorrect response up to its first error
    prefixes: float = 0.9  # distinct ones among the prefixes of all responses
    pairs: float = 0.95  # incorrect responses with a correct continuation before their first error
    bisect: float = 0.33  # tokens of a bisection over those of exhaustive values (results/credit)
    adaptive: float = 0.26  # the same of an adaptive search
    forward: float = 0.3  # the same of a search step by step
    longer: float = 1.0  # length of a sampled response over a teacher's


@dataclass(frozen=True)
class Stage:
    """A stage with its name in one run; stages with equal keys are computed once."""

    name: str
    key: str
    cost: Cost


def stages_of(config: Config, assumed: Assumed | None = None) -> list[Stage]:
    """The stages of a run with their expected costs, in the order of :mod:`synth_scaling.experiment.pipeline`.

    A base that is not pretrained here has no stage. Raises ConfigError for a model whose size is unknown.
    """
    run = _Run(config, assumed or Assumed())
    return [run.stage(name) for name in needed_stages(config) if name != "base" or run.pretrains]


def computed_once(configs: Iterable[Config], assumed: Assumed | None = None) -> list[Stage]:
    """The stages of several runs without repetitions, each with its name in the first run that needs it."""
    stages: dict[str, Stage] = {}
    for config in configs:
        for stage in stages_of(config, assumed):
            stages.setdefault(stage.key, stage)
    return list(stages.values())


def total(stages: Iterable[Stage]) -> Cost:
    """The sum of the stages' costs."""
    return sum((stage.cost for stage in stages), Cost())


class _Run:
    """Expected amounts of one run's data, and its stages by name."""

    def __init__(self, config: Config, assumed: Assumed) -> None:
        self.config, self.assumed = config, assumed
        self._stages: dict[str, Stage] = {}
        self.uses = METHODS[config.method.name].uses
        self.pretrains = isinstance(config.model, TinyOptions)
        self.lengths = _lengths(config)
        self.parameters = matmul_parameters_of(config.model, self.lengths.vocabulary)
        self.response = assumed.longer * self.lengths.response
        self.tested = config.evaluation.problems or self.lengths.tested[config.evaluation.split]
        data = config.data
        correct = (1 - assumed.wrong) * assumed.distinct * data.rollouts  # distinct ones per problem
        incorrect = assumed.wrong * assumed.distinct * data.rollouts
        self.demonstrations = data.problems * data.traces
        self.negatives = min(data.problems * min(data.negatives, incorrect), data.max_negatives or float("inf"))
        if config.credit.as_positives:  # at least one correct continuation of a prefix per pair
            correct += self.negatives * assumed.pairs / data.problems
        self.positives = data.problems * min(data.positives, correct)

    def stage(self, name: str) -> Stage:
        """The stage with this name in the run; its key is a hash of the inputs that determine it."""
        if name not in self._stages:
            self._stages[name] = self._stage(name)
        return self._stages[name]

    def _stage(self, name: str) -> Stage:
        config, data, evaluation, number = self.config, self.config.data, self.config.evaluation, round_of(name)
        policy = in_round("policy", number)
        match stage_family(name):
            case "base":
                return self._base()
            case "pi_sft" | "initial_policy":
                few = SFTOptions(epochs=config.rollout_policy.epochs, learning_rate=config.rollout_policy.learning_rate)
                return self._policy(name, few, self._base_key, {})
            case "pi_sft_certificate":
                return self._certificate(name, self.stage("pi_sft").key, data.problems, data.temperature)
            case "policy_certificate":
                return self._certificate(name, self.stage(policy).key, self.tested, evaluation.temperature)
            case "rollouts" if data.rollouts_path:  # graded here, sampled elsewhere
                key = _key("responses", name=name, file=data.rollouts_path, problems=data.problems, seed=config.seed)
                return Stage(name, key, Cost())
            case "rollouts":
                n = data.rollout_block or data.rollouts
                return self._responses(name, self._sampler_key(number), data.problems, n, data.temperature)
            case "negative_values":
                return self._negative_values(number)
            case "positive_values":
                k = config.credit.positive_rollouts
                inputs = self._positive_inputs(number)
                return self._step_values(name, inputs, {"k": k}, k, self._prefixes(self.positives))
            case "reference_logprobs":
                return self._reference_logprobs(number)
            case "policy":
                kept = range(1, number + 1) if config.rounds.keep == "all" else [number]
                # Empty for a method that samples nothing, as for pi_sft, which may be the same training.
                sampled = {f"round {earlier}": self._sampled_inputs(earlier) for earlier in kept if self.uses}
                start = {
                    "base": lambda: self._base_key,
                    "pi_sft": lambda: self.stage("pi_sft").key,
                    "previous": lambda: self._sampler_key(number),
                }[config.method.start if number == 1 else config.rounds.start]()
                return self._policy(name, config.method, start, sampled, len(kept))
            case "evaluation":
                return self._responses(name, self.stage(policy).key, self.tested, 1, 0.0)
            case "base_evaluation":
                return self._responses(name, self._base_key, self.tested, 1, 0.0)
            case "samples":
                t = sample_stages(evaluation, number)[name]
                return self._responses(name, self.stage(policy).key, self.tested, evaluation.samples, t)
            case "pass_at_k":
                n = max(evaluation.pass_at_k)
                return self._responses(name, self.stage(policy).key, self.tested, n, evaluation.temperature)
            case "initial_responses":
                n = evaluation.difficulty_rollouts
                return self._responses(name, self.stage("initial_policy").key, self.tested, n, 1.0)
        raise AssertionError(f"no cost of stage {name}")

    # -- inputs that determine a stage -----------------------------------------------------------------------------

    def _sampler_key(self, number: int) -> str:
        """The policy that samples in a round."""
        return self.stage("pi_sft" if number == 1 else in_round("policy", number - 1)).key

    def _rollout_inputs(self, number: int) -> dict[str, Any]:
        """All rollouts: the stages of their blocks, and the number per problem that is used of them."""
        data = self.config.data
        return {"rollouts": [self.stage(name).key for name in rollout_stages(data, number)], "n": data.rollouts}

    def _negative_inputs(self, number: int) -> dict[str, Any]:
        data = self.config.data
        return {**self._rollout_inputs(number), "most": [data.negatives, data.max_negatives]}

    def _positive_inputs(self, number: int) -> dict[str, Any]:
        as_positives, values = self.config.credit.as_positives, in_round("negative_values", number)
        more = {"completed": self.stage(values).key} if as_positives else {}
        return {**self._rollout_inputs(number), "most": [self.config.data.positives], **more}

    def _sampled_inputs(self, number: int) -> dict[str, Any]:
        """The part of a method's rows that was sampled in a round; D_syn belongs to every method's rows."""
        return {
            part: self.stage(in_round(part, number)).key
            if part.endswith(("_values", "_logprobs"))
            else (self._negative_inputs(number) if part == "negatives" else self._positive_inputs(number))
            for part in sorted(self.uses)
        }

    @property
    def _base_key(self) -> str:
        model = self.config.model
        if self.pretrains:
            return self.stage("base").key
        assert isinstance(model, PretrainedOptions)
        return content_hash({"path": model.path, "revision": model.revision})

    # -- kinds of stages -------------------------------------------------------------------------------------------

    def _base(self) -> Stage:
        model = self.config.model
        assert isinstance(model, TinyOptions)
        tokens = round(model.pretrain_documents * self.lengths.document)
        cost = Cost(tokens_trained=tokens, flops_training=training_flops(self.parameters, tokens))
        return Stage("base", _key("base", task=key_of(self.config.task), model=key_of(model)), cost)

    def _policy(
        self, name: str, options: MethodOptions, start: str, sampled: Mapping[str, Any], rounds: int = 1
    ) -> Stage:
        """A training on D_syn and on the responses of so many rounds."""
        config, trainer = self.config, self.config.trainer
        once = self._tokens(options, rounds)
        tokens = round(options.epochs * once)
        reference = 0
        if isinstance(options, PreferenceOptions):
            reference = tokens if trainer.sharding == "fsdp" and trainer.lora.rank else round(once)
        if METHODS[options.name].objective == "unpaired":  # reference and KL term: mismatched responses as well
            reference = round(2 * once) + tokens
        flops = training_flops(self.parameters, tokens, reference, frozen=trainer.lora.rank > 0)
        data = config.data
        key = _key(
            "policy",
            start=start,
            method=key_of(options),
            trainer=key_of(used_options(trainer, isinstance(options, PreferenceOptions))),
            seed=config.seed,
            task=key_of(config.task),
            path=data.path if isinstance(data, JSONLDataOptions) else None,
            problems=data.problems,
            traces=data.traces,
            sampled=dict(sampled),
        )
        return Stage(name, key, Cost(tokens_trained=tokens, flops_training=flops))

    def _responses(self, name: str, policy: str, problems: float, n: int, temperature: float) -> Stage:
        """`n` responses to each problem; their seed depends on the stage's name."""
        tokens = problems * n * self.response
        flops = sampling_flops(self.parameters, round(problems * self.lengths.prompt), round(tokens))
        key = _key(
            "responses",
            name=name,
            policy=policy,
            problems=problems,
            split=None if role_of(name).spent else self.config.evaluation.split,
            n=n,
            temperature=temperature,
            **self._sampling(),
        )
        return Stage(name, key, Cost(tokens_sampled=round(tokens), flops_sampling=flops))

    def _certificate(self, name: str, policy: str, problems: float, temperature: float) -> Stage:
        """Samples, and the trainer's forward pass over them."""
        n = self.config.certificate.samples
        prompts, tokens = round(n * self.lengths.prompt), round(n * (self.response + 1))
        trained = training_flops(self.parameters, 0, prompts + tokens)
        sampled = sampling_flops(self.parameters, prompts, tokens)
        key = _key(
            "certificate",
            name=name,
            policy=policy,
            problems=min(n, problems),
            split=self.config.evaluation.split if name.startswith("policy") else None,
            n=n,
            temperature=temperature,
            trainer=key_of(used_options(self.config.trainer, pairs=False)),
            **self._sampling(),
        )
        return Stage(name, key, Cost(tokens_sampled=tokens, flops_sampling=sampled, flops_training=trained))

    def _negative_values(self, number: int) -> Stage:
        """Values of incorrect responses; where `stop_at_zero` says so, up to the first error only."""
        credit, assumed = self.config.credit, self.assumed
        share = assumed.until_pit if credit.stop_at_zero else 1.0
        searched = {
            "exhaustive": 1.0,
            "bisect": assumed.bisect,
            "adaptive": assumed.adaptive,
            "forward": assumed.forward,
        }
        if credit.name == "exact":
            prefixes = self.negatives * assumed.prefixes  # the one before the first error
        else:
            prefixes = self._prefixes(self.negatives) * share * searched[credit.name]
        search = {"search": asdict(search_of(credit)), "name": credit.name}
        name, inputs = in_round("negative_values", number), self._negative_inputs(number)
        return self._step_values(name, inputs, search, credit.rollouts, prefixes, share)

    def _step_values(
        self,
        name: str,
        inputs: Mapping[str, Any],
        search: Mapping[str, Any],
        k: int,
        prefixes: float,
        share: float = 1.0,
    ) -> Stage:
        """`k` completions of each of `prefixes`, which end in the first `share` of a response."""
        prefix = self.response * share / 2  # mean length
        tokens = prefixes * k * (self.response - prefix)
        flops = sampling_flops(self.parameters, round(prefixes * (self.lengths.prompt + prefix)), round(tokens))
        temperature = self.config.credit.temperature
        key = _key("step_values", name=name, of=inputs, search=search, temperature=temperature, **self._sampling())
        return Stage(name, key, Cost(tokens_sampled=round(tokens), flops_sampling=flops))

    def _reference_logprobs(self, number: int) -> Stage:
        """One forward pass of the policy that sampled over the responses that the method uses."""
        amounts = {"positives": self.positives, "negatives": self.negatives}
        responses = sum(amount for part, amount in amounts.items() if part in self.uses)
        tokens = round(responses * (self.lengths.prompt + self.response + 1))
        inputs = {
            "positives": self._positive_inputs(number) if "positives" in self.uses else None,
            "negatives": self._negative_inputs(number) if "negatives" in self.uses else None,
        }
        key = _key("reference_logprobs", of=inputs, trainer=key_of(used_options(self.config.trainer, pairs=False)))
        return Stage(
            in_round("reference_logprobs", number), key, Cost(flops_training=training_flops(self.parameters, 0, tokens))
        )

    def _prefixes(self, responses: float) -> float:
        """Distinct prefixes of so many responses: they end after any step but the last."""
        return responses * (self.lengths.steps - 1) * self.assumed.prefixes

    def _sampling(self) -> dict[str, Any]:
        return {"engine": key_of(self.config.engine), "seed": self.config.seed}

    def _tokens(self, options: MethodOptions, rounds: int = 1) -> float:
        """Tokens of the rows of the method that `options` belong to, gone over once; of responses of several rounds.

        A later round is assumed to have as many responses of each kind as the first one.
        """
        assumed, lengths = self.assumed, self.lengths
        data = ExpectedData(
            demonstrations=self.demonstrations,
            positives=rounds * self.positives,
            negatives=rounds * self.negatives,
            pairs=rounds * self.negatives * assumed.pairs,
            prompt=lengths.prompt,
            demonstration=lengths.response,
            response=self.response,
            step=self.response / lengths.steps,
            before_error=self.response * max(0.0, assumed.until_pit - 1 / lengths.steps),
        )
        expected = METHODS[options.name].expected_tokens
        if not (self.config.trainer.shared_prompts and isinstance(options, PreferenceOptions)):
            return expected(options, data)
        prompts = expected(options, data) - expected(options, replace(data, prompt=0.0))
        return expected(options, data) - prompts / 2  # and less where a prompt holds the steps before the first error


def _key(kind: str, **inputs: Any) -> str:
    return content_hash({"stage": kind, **inputs})


_lengths_of: dict[str, Lengths] = {}  # a procedural task is measured once, in about a second


def _lengths(config: Config) -> Lengths:
    key = repr((config.task, config.model))
    if key not in _lengths_of:
        _lengths_of[key] = lengths_of(config.task, config.model)
    return _lengths_of[key]
