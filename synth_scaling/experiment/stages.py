"""The stored stages of a run. Each is computed if the store has no result under the hash of what determines it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from synth_scaling.config.naming import title
from synth_scaling.config.needed_stages import rollout_stages
from synth_scaling.config.schema import Config
from synth_scaling.core.agreement import Agreement, agreement
from synth_scaling.core.flops import matmul_parameters, sampling_flops
from synth_scaling.core.hashing import content_hash, key_of
from synth_scaling.core.records import (
    PrefixValue,
    Problem,
    Response,
    ResponseLogProbs,
    read_table,
    write_table,
)
from synth_scaling.core.seeds import seed_of
from synth_scaling.core.stage import Cost, StageResult
from synth_scaling.credit import Prefix, Search
from synth_scaling.data.options import given_rollouts
from synth_scaling.data.rollouts_file import Selected
from synth_scaling.experiment.base_model import base_in_place, base_key, compute_base, is_stored, open_codec
from synth_scaling.experiment.degenerate import degenerate
from synth_scaling.experiment.given import graded_responses
from synth_scaling.experiment.keys import CODE, WORDS, digest, sampling_key, training_key
from synth_scaling.experiment.store import Store
from synth_scaling.methods import METHODS, MethodOptions, PreferenceOptions
from synth_scaling.methods.method import PairLossOptions, Rows, UnpairedOptions
from synth_scaling.models.codec import Codec
from synth_scaling.models.options import check_targets
from synth_scaling.models.pretrained import tensor_names
from synth_scaling.sampling.engine import Engine, hit_rate
from synth_scaling.sampling.factory import close_engines, engine_for
from synth_scaling.sampling.sampler import Sampler
from synth_scaling.sampling.search import search_values
from synth_scaling.system.jsonl import content_digest
from synth_scaling.system.usage import Made, measured
from synth_scaling.tasks import Task
from synth_scaling.tracking.tracker import NoTracker
from synth_scaling.training.options import used_options

log = logging.getLogger("synth_scaling")


class Stages:
    """Computes the stages of one run, or reads them from the store. :meth:`base` comes first.

    `done` holds the result of each stage by its name in this run. Two names may stand for one stored stage: the hash
    depends on the inputs alone, with the seed of a sampling stage among them.
    """

    codec: Codec  # set by `base`, as is `context`
    context: int | None  # tokens of prompt and response that the engine must hold; None: the model's maximum

    def __init__(self, config: Config, store: Store, tracker: NoTracker, task: Task) -> None:
        self.config, self.store, self.tracker, self.task = config, store, tracker, task
        self.done: dict[str, StageResult] = {}

    def base(self) -> StageResult:
        """The model that every policy of the sweep starts from: pretrained here, or an existing one.

        Raises ConfigError if the task is too long for the model, before anything is sampled or trained.
        """
        config, task = self.config, self.task
        if is_stored(config.model):

            def compute(folder: Path) -> Made:
                return compute_base(config, task, folder, lambda point: self.tracker.curve("base", point))

            result = self._stage("base", "base", base_key(config), compute)
        else:
            result = self.done["base"] = base_in_place(config.model)
        check_targets(config.trainer.lora.target_modules, tensor_names(result.path))
        self.codec, self.context = open_codec(config, task, result.path)
        return result

    def policy(
        self,
        name: str,
        start: StageResult,
        method: MethodOptions,
        rows: Rows,
    ) -> StageResult:
        """A checkpoint trained from `start` on `rows`; the rows are stored beside it."""
        c = self.config
        key = {
            "start": start.hash,
            "rows": digest(rows),
            "method": key_of(method),
            "trainer": key_of(used_options(c.trainer, isinstance(method, PreferenceOptions))),
            "seed": c.seed,
            **training_key(c),
        }

        def compute(folder: Path) -> Made:
            from synth_scaling.training.launch import Objective, Preference, Unpaired, train  # imports torch
            from synth_scaling.training.trainer import RESUME, Training

            if c.engine.by_turns:
                close_engines()
            training = Training(
                start.path, method.epochs, method.learning_rate, c.seed, c.trainer, c.threads, folder / RESUME
            )
            objective: Objective = None
            if isinstance(method, PairLossOptions):
                objective = Preference(method.beta, method.nll, method.loss, method.label_smoothing)
            elif isinstance(method, PreferenceOptions):
                objective = Preference(method.beta, method.nll)
            elif isinstance(method, UnpairedOptions):
                objective = Unpaired(method.beta, method.desirable, method.undesirable)
            elif (loss := METHODS[method.name].loss) is not None:
                objective = loss(method)
            cost = train(rows, training, folder, objective, lambda point: self.tracker.curve(name, point))
            return cost, {"rows": len(rows)}

        return self._stage(name, "policy", key, compute)

    def unchanged(self, name: str, policy: StageResult) -> StageResult:
        """`policy` under another name: what a round without training rows ends with, at no cost."""
        log.warning("%s: %s: the method built no rows, and the policy stays as it is", title(self.config), name)
        result = self.done[name] = replace(policy, cost=Cost(), seconds=0.0)
        return result

    def reference_logprobs(
        self,
        name: str,
        policy: StageResult,
        prompts: Mapping[str, tuple[int, ...]],
        responses: Sequence[Response],
    ) -> list[tuple[float, ...]]:
        """Log-probabilities of the tokens of `responses` under `policy` at temperature 1, by a trainer's forward pass.

        The end token's follows in a finished response.
        """
        c = self.config
        texts = [(prompts[response.problem], response.tokens, response.finished) for response in responses]
        key = {"policy": policy.hash, "texts": digest(texts), "trainer": self._log_probs_key(), **training_key(c)}

        def compute(folder: Path) -> Made:
            from synth_scaling.training.reference import reference_log_probs  # imports torch

            if c.engine.by_turns:
                close_engines()
            rows, cost = reference_log_probs(policy.path, texts, c.trainer, c.threads)
            write_table(folder / "logprobs.parquet", rows, ResponseLogProbs)
            return cost, {"responses": len(rows)}

        result = self._stage(name, "reference_logprobs", key, compute)
        return [row.log_probs for row in read_table(result.path / "logprobs.parquet", ResponseLogProbs)]

    def _log_probs_key(self) -> dict[str, Any]:
        """The options of the trainer that its log-probabilities of given responses depend on."""
        return key_of(used_options(self.config.trainer, pairs=False))

    def certificate(self, name: str, policy: StageResult, problems: Sequence[Problem], temperature: float) -> Agreement:
        """How far sampler and trainer agree on samples of `policy` at `temperature`, on as many of the problems.

        With fewer problems than `certificate.samples`, some are sampled repeatedly.
        """
        c, n = self.config, self.config.certificate.samples
        asked = [problems[i % len(problems)] for i in range(n)]
        seed = seed_of(c.seed, name)
        key = {
            "policy": policy.hash,
            "task": key_of(c.task),
            "problems": digest(asked),
            **self._prompts_key(asked),
            "temperature": temperature,
            "seed": seed,
            "trainer": self._log_probs_key(),
            **training_key(c),
            **sampling_key(c),
        }

        def compute(folder: Path) -> Made:
            from synth_scaling.training.reference import reference_log_probs  # imports torch

            engine, prompts = self._engine(policy), [self.codec.encode_prompt(problem) for problem in asked]
            limit = self.task.max_response_tokens
            scored = engine.scored(prompts, temperature=temperature, max_tokens=limit, seed=seed)
            if c.engine.by_turns:
                close_engines()
            # An end token counts like any other: it is among the sampled ones.
            texts = [(prompt, s.tokens, False) for prompt, s in zip(prompts, scored, strict=True)]
            rows, cost = reference_log_probs(policy.path, texts, c.trainer, c.threads, temperature)
            gap = agreement([x for s in scored for x in s.log_probs], [x for row in rows for x in row.log_probs])
            parameters, sampled = matmul_parameters(policy.path), sum(len(s.tokens) for s in scored)
            prompted = sum(map(len, prompts))
            flops = sampling_flops(parameters, prompted, sampled)
            cost += Cost(tokens_sampled=sampled, flops_sampling=flops, tokens_prompted=prompted)
            return cost, asdict(gap)

        return Agreement(**self._stage(name, "certificate", key, compute).facts)

    def responses(
        self,
        name: str,
        policy: StageResult,
        problems: Sequence[Problem],
        n: int,
        temperature: float,
        wait: bool = False,
    ) -> list[Response]:
        """`n` graded responses of `policy` per problem (temperature 0: greedy).

        With `wait`, a stage that another process is computing is waited for, whatever the store's default.
        """
        seed = seed_of(self.config.seed, name)
        key = {
            "policy": policy.hash,
            "task": key_of(self.config.task),
            "problems": digest(problems),
            **self._prompts_key(problems),
            "n": n,
            "temperature": temperature,
            "seed": seed,
            **sampling_key(self.config),
        }

        def compute(folder: Path) -> Made:
            rows, cost = self._sampler(policy, temperature, seed).responses(problems, n)
            write_table(folder / "responses.parquet", rows, Response)
            return cost, {"accuracy": float(np.mean([row.reward for row in rows]))}

        result = self._stage(name, "responses", key, compute, wait)
        rows = read_table(result.path / "responses.parquet", Response)
        if name != "base_evaluation":  # a base need not solve anything
            for line in degenerate(rows):
                log.warning("%s: %s: %s", title(self.config), name, line)
        return rows

    def rollouts(self, policy: StageResult, problems: Sequence[Problem], number: int = 1) -> list[Response]:
        """M graded responses of `policy` per problem, in the round `number`.

        Sampled in blocks (`data.rollout_block`), a run with a smaller M uses the first responses of one with a larger.
        With `data.rollouts_path` they are the responses of that file, up to M per problem.
        """
        data = self.config.data
        if (selected := given_rollouts(data, self.task, problems)) is not None:
            return self._given_rollouts(Path(data.rollouts_path), selected, problems)
        names = rollout_stages(data, number)
        if data.rollout_block is None:
            return self.responses(names[0], policy, problems, data.rollouts, data.temperature)
        sampled: dict[str, list[Response]] = {problem.id: [] for problem in problems}
        for block, name in enumerate(names):
            for row in self.responses(name, policy, problems, data.rollout_block, data.temperature):
                sampled[row.problem].append(replace(row, sample=block * data.rollout_block + row.sample))
        return [row for rows in sampled.values() for row in rows[: data.rollouts]]

    def _given_rollouts(self, path: Path, selected: Selected, problems: Sequence[Problem]) -> list[Response]:
        """The responses of a file to the problems, graded by the task.

        One that is longer than the task allows is cut there, as the engine would have cut it. Nothing is sampled, so
        the stage depends on the file's content and the tokenizer, and not on a policy.
        """
        key = {
            "file": content_digest(path),
            "tokenizer_of": self.done["base"].hash,
            "task": key_of(self.config.task),
            "problems": digest(problems),
            **self._prompts_key(problems),
            "n": self.config.data.rollouts,
        }

        def compute(folder: Path) -> Made:
            rows = graded_responses(path, selected, self.task, self.codec)
            write_table(folder / "responses.parquet", rows, Response)
            pairs = zip(selected.labels, rows, strict=True)
            return Cost(), {
                "accuracy": float(np.mean([row.reward for row in rows])),
                "cut": sum(
                    given.finished and not row.finished
                    for (_, given), row in zip(selected.responses, rows, strict=True)
                ),
                "labels": sum(label is not None for label in selected.labels),
                "labels_differ": sum(label is not None and label != bool(row.reward) for label, row in pairs),
            }

        result = self._stage("rollouts", "responses", key, compute)
        facts = result.facts
        line = f"{path}: {selected}; accuracy {100 * facts['accuracy']:.1f} % by our grades"
        if facts["labels"]:
            line += f"; {facts['labels_differ']} of {facts['labels']} labels `correct` differ from them and are ignored"
        if facts["cut"]:
            line += f"; {facts['cut']} responses were cut at {self.task.max_response_tokens} tokens"
        incomplete = selected.problems_without or selected.problems_with_fewer
        log.log(logging.WARNING if incomplete or facts["labels_differ"] else logging.INFO, "%s", line)
        return read_table(result.path / "responses.parquet", Response)

    def step_values(
        self,
        name: str,
        policy: StageResult,
        problems: Mapping[str, Problem],
        responses: Sequence[Response],
        ends: Sequence[Sequence[int]],
        search: Search,
        rollouts: Sequence[Response],
    ) -> dict[Prefix, PrefixValue]:
        """Values of prefixes of `responses` by Monte Carlo rollouts, for as many prefixes as `search` asks for.

        `rollouts`, the initial responses to the problems at the same temperature, count if the search reuses them.
        """
        options, seed = self.config.credit, seed_of(self.config.seed, name)
        key = {
            "policy": policy.hash,
            "task": key_of(self.config.task),
            **self._prompts_key(list(problems.values())),
            "responses": digest(list(zip(responses, ends, strict=True))),
            **asdict(search),
            "temperature": options.temperature,
            "seed": seed,
            **({"rollouts": digest(rollouts)} if search.reuse else {}),
            **sampling_key(self.config),
        }

        def compute(folder: Path) -> Made:
            sampler = self._sampler(policy, options.temperature, seed)
            cache = sampler.engine.prefix_cache()
            result = search_values(sampler, problems, responses, ends, search, rollouts)
            write_table(folder / "values.parquet", list(result.values.values()), PrefixValue)
            return result.cost, {
                "prefixes": len(result.completions),
                "rounds": result.rounds,
                "prefix_cache_hits": hit_rate(cache, sampler.engine.prefix_cache()),
            }

        path = self._stage(name, "step_values", key, compute).path
        return {(v.problem, v.prefix): v for v in read_table(path / "values.parquet", PrefixValue)}

    def _stage(
        self, name: str, kind: str, key: Mapping[str, Any], compute: Callable[[Path], Made], wait: bool = False
    ) -> StageResult:
        """The result of a stage of `kind`; `compute` writes it to an empty folder if the store does not have it."""
        key = {"code": CODE[kind], **key}
        stage_hash = content_hash({"stage": kind, **key})
        trainer, engine = self.config.trainer, self.config.engine
        of_training = {"base": 1, "reference_logprobs": 1, "policy": trainer.num_processes}
        devices = of_training.get(kind, engine.replicas * engine.tensor_parallel_size)

        def tracked(folder: Path) -> Made:
            with self.tracker.computing(name, stage_hash):
                return measured(compute, devices)(folder)

        self.tracker.stage(name, None)
        result = self.store.stage(kind, key, tracked, wait=wait or None)
        self.tracker.stage(name, result)
        curve = result.path / "curve.jsonl"
        if not result.made_here and curve.exists():  # computed by another run; this run's charts show it too
            for line in curve.read_text().splitlines():
                self.tracker.curve(name, json.loads(line))
        self.done[name] = result
        return result

    def _sampler(self, policy: StageResult, temperature: float, seed: int) -> Sampler:
        return Sampler(self._engine(policy), self.task, self.codec, matmul_parameters(policy.path), temperature, seed)

    def _engine(self, policy: StageResult) -> Engine:
        """The engine, with the policy's weights."""
        engine = engine_for(self.config.engine)
        engine.load(policy.path, self.context)
        return engine

    def _prompts_key(self, problems: Sequence[Problem]) -> dict[str, Any]:
        """Of a pretrained model: the digest of its prompts, which depend on its prompt format, and WORDS."""
        if self.codec.prompts is None:
            return {}
        return {"prompts": digest([self.codec.encode_prompt(problem) for problem in problems]), "words": WORDS}
