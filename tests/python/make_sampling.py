"""Write `browser/page/test/unit/sampling.json`: what transformers' logits processors leave of seeded logits.

    python make_sampling.py browser/page/test/unit/sampling.json

It was written with transformers 4.57.6 and torch 2.15, which the tests need not have. Of each case the file has the logits,
the tokens before them, the settings and, after all processors, the tokens that are left with their probabilities, and the
natural logarithms of the probabilities before temperature.
"""

import json
import pathlib
import sys

import torch
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

CASES = [
    {},
    {"temperature": 0.5},
    {"temperature": 3.0},
    {"top_k": 1},
    {"top_k": 5},
    {"top_k": 40},
    {"top_k": 1000},
    {"top_p": 0.05},
    {"top_p": 0.5},
    {"top_p": 0.9, "temperature": 0.7},
    {"top_p": 1.0},
    {"min_p": 0.05},
    {"min_p": 0.3, "temperature": 2.0},
    {"min_p": 1.0},
    {"repetition_penalty": 1.3},
    {"repetition_penalty": 0.8, "top_k": 10},
    {"repetition_penalty": 1.2, "temperature": 0.8, "top_k": 20, "top_p": 0.8, "min_p": 0.02},
]
VOCABULARY = 60


def case(seed, given):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, VOCABULARY, generator=generator) * 3
    before = torch.randint(VOCABULARY, (1, 12), generator=generator)
    if seed % 3 == 0:
        # Ties, also where a cut is.
        logits = (logits * 2).round() / 2
    penalties, warpers = LogitsProcessorList(), LogitsProcessorList()
    if "repetition_penalty" in given:
        penalties.append(RepetitionPenaltyLogitsProcessor(given["repetition_penalty"]))
    for name, warper in [
        ("temperature", TemperatureLogitsWarper),
        ("top_k", TopKLogitsWarper),
        ("top_p", TopPLogitsWarper),
        ("min_p", MinPLogitsWarper),
    ]:
        if name in given:
            warpers.append(warper(given[name]))
    penalised = penalties(before, logits.clone())
    scores = warpers(before, penalised.clone())
    kept = torch.isfinite(scores[0]).nonzero().flatten().tolist()
    probabilities = torch.softmax(scores.double(), -1)[0]
    return {
        "logits": logits[0].tolist(),
        "before": before[0].tolist(),
        "sampling": given,
        "kept": {str(token): probabilities[token].item() for token in kept},
        "logprobs": torch.log_softmax(penalised.double(), -1)[0].tolist(),
    }


def main(path):
    cases = [case(seed, given) for seed, given in enumerate(CASES)]
    pathlib.Path(path).write_text(json.dumps(cases) + "\n")


main(*sys.argv[1:])
