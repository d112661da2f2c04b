"""The vLLM engine, the same code on CPU and GPU.

It runs inside this process, so that weights are swapped in place between policies. Sampled rows are reproducible: with
`engine.seeds=call` every call seeds the engine's generator and sends its requests in a fixed order. With `request`
every completion has its seed, and is independent of the rest of the batch up to near-ties that rounding decides.
"""

from __future__ import annotations

import contextlib
import gc
import glob
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from synth_scaling.core.progress import Progress
from synth_scaling.models.pretrained import end_tokens, tensor_names
from synth_scaling.sampling.draws import request_seed
from synth_scaling.sampling.engine import Completion, Scored
from synth_scaling.sampling.options import EngineOptions
from synth_scaling.system import signals

log = logging.getLogger(__name__)

# Keys of config.json that may differ between checkpoints of one architecture.
_NOT_ARCHITECTURE = {"transformers_version", "dtype", "torch_dtype", "use_cache", "_name_or_path", "pad_token_id"}


class VLLMEngine:
    def __init__(self, options: EngineOptions) -> None:
        self.options, self.numbered = options, options.seeds == "request"
        self._llm: Any = None
        self._architecture: dict[str, Any] | None = None
        self._checkpoint: Path | None = None
        self._tensors: set[str] = set()
        self._context: int | None = None
        self._ends: list[int] = []
        self._prompt_tokens = self._cached_tokens = 0

    def load(self, checkpoint: Path, context: int | None = None) -> None:
        """Load `checkpoint`'s weights in place; only another architecture or `context` restarts the engine.

        Raises ValueError if the checkpoint lacks tensors of the previous one: vLLM would keep the old ones silently.
        """
        checkpoint, context = checkpoint.resolve(), self.options.max_model_len or context
        if checkpoint == self._checkpoint and context == self._context:
            return
        config = json.loads((checkpoint / "config.json").read_text())
        architecture = {key: value for key, value in config.items() if key not in _NOT_ARCHITECTURE}
        tensors, ends = tensor_names(checkpoint), end_tokens(checkpoint)
        restart = architecture != self._architecture or context != self._context
        # Computed tensors and a tied output layer may be missing from a file.
        optional = (".rotary_emb.inv_freq", *(["lm_head.weight"] if config.get("tie_word_embeddings") else []))
        missing = sorted(name for name in self._tensors - tensors if not name.endswith(optional))
        if not restart and missing:
            raise ValueError(f"{checkpoint} lacks {len(missing)} tensors of the model in the engine: {missing[0]}, ...")
        self._checkpoint = None  # until loading succeeds
        with _without_wildcards(checkpoint) as path:
            if restart:
                self._start(path, context)
            else:
                self._llm.collective_rpc("reload_weights", kwargs={"weights_path": str(path)})
                self._llm.apply_model(_repack_tied_head)
        self._architecture, self._context, self._tensors = architecture, context, tensors
        self._checkpoint, self._ends = checkpoint, ends

    def _start(self, checkpoint: Path, context: int | None) -> None:
        self.close()
        # In this process: weights are swapped without a second copy, and torch's generator can be seeded here.
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        os.environ["VLLM_CPU_KVCACHE_SPACE"] = str(self.options.memory_gib)
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
        with _quiet():
            import vllm
            from vllm.platforms import current_platform

            tokens = self.options.max_batched_tokens
            more: dict[str, Any] = {}
            if self.options.block_size is not None:
                more["block_size"] = self.options.block_size
            if self.numbered and current_platform.is_cpu():
                # A chunked prompt advances its generator once; vLLM rewinds it on GPUs, and cannot on CPU.
                more["enable_chunked_prefill"], tokens = False, max(tokens, context or 0)
            self._llm = vllm.LLM(
                str(checkpoint),
                skip_tokenizer_init=True,
                trust_remote_code=False,
                dtype=self.options.dtype,  # type: ignore[arg-type]
                enforce_eager=self.options.eager,
                max_num_seqs=self.options.max_num_seqs,
                max_num_batched_tokens=tokens,
                gpu_memory_utilization=self.options.gpu_memory_share,
                tensor_parallel_size=self.options.tensor_parallel_size,
                max_model_len=context,
                enable_prefix_caching=True,  # within a call: prefixes share their prompt and steps
                use_tqdm_on_load=False,
                seed=0,
                **more,
            )

    def close(self) -> None:
        if self._llm is None:
            return
        from vllm.distributed.parallel_state import cleanup_dist_env_and_memory

        self._llm = self._architecture = self._checkpoint = None
        gc.collect()
        cleanup_dist_env_and_memory()

    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        n: int,
        temperature: float,
        max_tokens: Sequence[int],
        seed: int,
        first: Sequence[int] | None = None,
    ) -> list[list[Completion]]:
        assert self._llm is not None, "load a checkpoint first"
        import torch
        from vllm import SamplingParams

        signals.check()
        self._llm.reset_prefix_cache()  # results must not depend on earlier calls
        torch.manual_seed(seed)
        common: dict[str, Any] = dict(n=n, temperature=temperature, stop_token_ids=self._ends, detokenize=False)
        # One token more than allowed, for the end token.
        if self.numbered and temperature > 0:
            seeds = [request_seed(seed, p) + i for p, i in zip(prompts, first or [0] * len(prompts), strict=True)]
            params = [
                SamplingParams(max_tokens=limit + 1, seed=first_seed, **common)  # vLLM adds the index among the n
                for limit, first_seed in zip(max_tokens, seeds, strict=True)
            ]
        else:
            alike = {limit: SamplingParams(max_tokens=limit + 1, **common) for limit in set(max_tokens)}
            params = [alike[limit] for limit in max_tokens]
        outputs = self._llm.generate(
            [{"prompt_token_ids": list(prompt)} for prompt in prompts],
            params,
            use_tqdm=Progress,
        )
        # vLLM reports cached tokens for one of a prompt's n requests.
        self._prompt_tokens += sum(len(prompt) for prompt in prompts)
        self._cached_tokens += sum(output.num_cached_tokens or 0 for output in outputs)
        return [
            [Completion.of(c.token_ids, limit, self._ends) for c in output.outputs]
            for output, limit in zip(outputs, max_tokens, strict=True)
        ]

    def scored(
        self, prompts: Sequence[Sequence[int]], *, temperature: float, max_tokens: int, seed: int
    ) -> list[Scored]:
        assert self._llm is not None, "load a checkpoint first"
        import torch
        from vllm import SamplingParams

        signals.check()
        self._llm.reset_prefix_cache()
        torch.manual_seed(seed)
        params = SamplingParams(
            temperature=temperature,
            max_tokens=max_tokens + 1,
            logprobs=0,  # of the sampled token alone
            stop_token_ids=self._ends,
            detokenize=False,
        )
        self._llm.collective_rpc(_report, args=("processed_logprobs",))
        try:
            outputs = self._llm.generate([{"prompt_token_ids": list(p)} for p in prompts], params, use_tqdm=False)
        finally:
            self._llm.collective_rpc(_report, args=("raw_logprobs",))
        completions = [output.outputs[0] for output in outputs]
        return [
            Scored(
                tuple(c.token_ids),
                tuple(at[token].logprob for at, token in zip(c.logprobs, c.token_ids, strict=True)),
            )
            for c in completions
        ]

    def prefix_cache(self) -> tuple[int, int]:
        return self._prompt_tokens, self._cached_tokens


def _report(worker: Any, mode: str) -> None:
    """Make a worker's sampler report log-probabilities of this kind: vLLM sets it once, for every step of an engine."""
    sampler = worker.model_runner.sampler
    sampler.logprobs_mode = sampler.topk_topp_sampler.logprobs_mode = mode


@contextlib.contextmanager
def _without_wildcards(checkpoint: Path) -> Iterator[Path]:
    """A path of `checkpoint` for vLLM, which searches it as a pattern: a link to it where its name has [, * or ?."""
    if glob.escape(str(checkpoint)) == str(checkpoint):
        yield checkpoint
        return
    with tempfile.TemporaryDirectory(prefix="synth-scaling-") as folder:
        link = Path(folder) / "checkpoint"
        link.symlink_to(checkpoint.resolve(), target_is_directory=True)
        yield link


def _repack_tied_head(model: Any) -> None:
    """Pack the output layer again on CPU: vLLM's reload leaves the packed copy of one that is tied to the embedding."""
    from vllm.platforms import current_platform

    head = getattr(model, "lm_head", None)
    if current_platform.is_cpu() and head is not None and hasattr(head, "quant_method"):
        head.quant_method.process_weights_after_loading(head)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence vLLM's start, which prints pages of irrelevant warnings; errors still raise."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(previous)
