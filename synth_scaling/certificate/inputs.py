"""The model and the texts that all parts use: sums in words with their solutions, as token ids of the model."""

from __future__ import annotations

import os
import shutil

import numpy as np

from synth_scaling.certificate.part import Measures, Setup
from synth_scaling.core.flops import matmul_parameters
from synth_scaling.core.records import NLLRow, Problem
from synth_scaling.models.codec import Codec
from synth_scaling.models.pretrained import check_folder, resolve
from synth_scaling.models.prompts import PromptFormat
from synth_scaling.models.smollm2 import WHEEL, check_wheel, convert
from synth_scaling.tasks.word_sums import WordSums, WordSumsOptions

PROMPT = "Question: {question}\nAnswer:\n"
MODEL = "model"  # the folder of the model within the check's, a link where the model lies elsewhere
CONTEXT = 256  # tokens of a prompt with its response


def open_model(setup: Setup) -> Measures:
    """Convert the wheel's SmolLM2, or link the given model. Raises ConfigError if the model is not on this machine."""
    place = setup.path / MODEL
    if place.is_symlink():
        place.unlink()
    if setup.model == WHEEL:
        check_wheel()
        if not place.exists():
            partial = setup.path / f"{MODEL}.{os.getpid()}"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            convert(partial)
            partial.rename(place)
    else:
        folder = resolve(setup.model)
        check_folder(folder, setup.model)
        if place.exists():  # the wheel's, of an earlier check
            shutil.rmtree(place)
        place.symlink_to(folder, target_is_directory=True)
    return {"matmul_parameters": matmul_parameters(place), "model": setup.model}


def codec_of(setup: Setup) -> Codec:
    return Codec(setup.path / MODEL, PromptFormat(PROMPT))


def task_and_problems(n: int) -> tuple[WordSums, list[Problem]]:
    task = WordSums(WordSumsOptions(solution="columns"))
    return task, task.problems("train", n, 0)


def teacher_rows(setup: Setup, n: int) -> list[NLLRow]:
    """`n` prompts with the teacher's solutions, of about 75 tokens in all each."""
    codec, rng = codec_of(setup), np.random.default_rng(0)
    task, problems = task_and_problems(n)
    return [NLLRow(codec.encode_prompt(p), codec.encode(task.teacher(p, rng)), True) for p in problems]
