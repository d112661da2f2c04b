"""The size of a run's model, known before any of its files are here."""

from __future__ import annotations

from dataclasses import dataclass

from synth_scaling.core.validation import ConfigError
from synth_scaling.models.options import ModelOptions, PretrainedOptions, TinyOptions
from synth_scaling.models.smollm2 import WHEEL


@dataclass(frozen=True)
class Shape:
    """Of a Llama: grouped-query attention, SwiGLU, RMSNorm. Qwen2 has biases on queries, keys and values."""

    vocabulary: int
    width: int
    layers: int
    heads: int
    key_value_heads: int
    feedforward: int
    tied: bool = False  # the output layer is the input embedding
    biases: bool = False  # on queries, keys and values

    @property
    def embedding(self) -> int:
        return self.vocabulary * self.width

    @property
    def matmul_parameters(self) -> int:
        """P of :mod:`synth_scaling.core.flops`: all but the input embedding, the output layer included."""
        attention = 2 * self.width**2 * (self.heads + self.key_value_heads) // self.heads
        biases = self.width * (self.heads + 2 * self.key_value_heads) // self.heads if self.biases else 0
        layer = attention + biases + 3 * self.width * self.feedforward + 2 * self.width
        return self.layers * layer + self.width + self.embedding

    @property
    def parameters(self) -> int:
        return self.matmul_parameters + (0 if self.tied else self.embedding)


# From the config.json of each on the hub.
PUBLIC = {
    "deepseek-ai/deepseek-math-7b-base": Shape(102_400, 4096, 30, 32, 32, 11_008),
    "meta-llama/Llama-2-7b-hf": Shape(32_000, 4096, 32, 32, 32, 11_008),
    "meta-llama/Llama-2-70b-hf": Shape(32_000, 8192, 80, 64, 8, 28_672),
    "Qwen/Qwen2.5-0.5B": Shape(151_936, 896, 24, 14, 2, 4864, tied=True, biases=True),
    "Qwen/Qwen2.5-1.5B": Shape(151_936, 1536, 28, 12, 2, 8960, tied=True, biases=True),
    "meta-llama/Llama-3.2-1B": Shape(128_256, 2048, 16, 32, 8, 8192, tied=True),
    "HuggingFaceTB/SmolLM2-1.7B": Shape(49_152, 2048, 24, 32, 32, 8192, tied=True),
    WHEEL: Shape(49_152, 576, 30, 9, 3, 1536, tied=True),
}


def matmul_parameters_of(model: ModelOptions, vocabulary: int) -> int:
    """P of a model by its options; `vocabulary` is the task's, for a base pretrained for it, with 2 special tokens.

    The size of a model that is not in `PUBLIC` is read from its folder. Raises ConfigError if that is missing as well.
    """
    if isinstance(model, TinyOptions):
        m = model
        return Shape(vocabulary + 2, m.width, m.layers, m.heads, m.heads, m.feedforward).matmul_parameters
    assert isinstance(model, PretrainedOptions)
    if model.path in PUBLIC:
        return PUBLIC[model.path].matmul_parameters
    from synth_scaling.core.flops import matmul_parameters
    from synth_scaling.models.pretrained import resolve

    try:
        return matmul_parameters(resolve(model.path, model.revision))
    except ConfigError:
        raise ConfigError(
            f"model.path={model.path}: its size is unknown; allowed are a folder, a hub id in the cache, "
            f"{', '.join(PUBLIC)}"
        ) from None
