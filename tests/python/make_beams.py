"""Write `browser/page/test/unit/beams.json`: the answers that transformers' beam search finds with tables for a model.

    python make_beams.py browser/page/test/unit/beams.json

It was written with transformers 4.57.6 and torch 2.15, which the tests need not have. The model is two tables: the logits
of what follows are the row of the last token plus the row of the number of tokens. Each case has the prompt, the settings,
and for each pair of tables the best answer with its score.
"""

import json
import pathlib
import sys

import torch
from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

VOCABULARY = 24
LENGTH = 40
PAD = 23

CASES = [
    {},
    {"num_beams": 2},
    {"num_beams": 5},
    {"max_new_tokens": 1},
    {"max_new_tokens": 2, "num_beams": 5},
    {"eos_token_id": []},
    {"eos_token_id": [3, 7, 11]},
    {"length_penalty": 0.0},
    {"length_penalty": 0.3},
    {"length_penalty": 2.0},
    {"length_penalty": 4.0, "eos_token_id": [3, 7, 11]},
    {"length_penalty": -1.0},
    {"early_stopping": True},
    {"early_stopping": True, "length_penalty": 2.0},
    {"early_stopping": True, "eos_token_id": [3, 7, 11], "num_beams": 4},
    {"early_stopping": "never"},
    {"early_stopping": "never", "length_penalty": 0.0},
    {"early_stopping": "never", "length_penalty": 1.7, "eos_token_id": [3, 7]},
    {"early_stopping": "never", "length_penalty": -0.5},
    {"repetition_penalty": 1.4},
    {"repetition_penalty": 0.8, "length_penalty": 2.0},
    {"no_repeat_ngram_size": 2},
    {"no_repeat_ngram_size": 1, "num_beams": 4},
    {"suppress_tokens": [3, 5, 6]},
    {"min_new_tokens": 9},
    {"min_new_tokens": 4, "eos_token_id": [3, 7, 11], "early_stopping": True},
    {"forced_eos_token_id": 3},
    {"forced_eos_token_id": 3, "no_repeat_ngram_size": 2, "length_penalty": 2.0, "max_new_tokens": 8},
    # What is forced after one token counts as new.
    {"forced_bos_token_id": 9, "length_penalty": 2.0, "prompt": [4]},
    {"forced_bos_token_id": 9, "length_penalty": 1.5, "early_stopping": "never", "prompt": [4], "eos_token_id": [3, 7]},
    {"forced_bos_token_id": 9, "forced_eos_token_id": 3, "no_repeat_ngram_size": 3, "early_stopping": True, "prompt": [4]},
]
USUAL = {"num_beams": 3, "length_penalty": 1.0, "early_stopping": False, "max_new_tokens": 14, "eos_token_id": [3]}


class Tables(PreTrainedModel, GenerationMixin):
    config_class = PretrainedConfig
    main_input_name = "input_ids"

    def __init__(self, after, at):
        super().__init__(PretrainedConfig(vocab_size=VOCABULARY))
        self.after, self.at = after, at
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def prepare_inputs_for_generation(self, input_ids, attention_mask=None, **_):
        return {"input_ids": input_ids}

    def forward(self, input_ids, return_dict=True):
        return CausalLMOutput(logits=(self.after[input_ids[:, -1]] + self.at[input_ids.shape[1]])[:, None])


def tables(seed):
    generator = torch.Generator().manual_seed(seed)
    after = torch.randn(VOCABULARY, VOCABULARY, generator=generator) * 2
    at = torch.randn(LENGTH, VOCABULARY, generator=generator)
    # Answers are to end at many lengths.
    at[:, [3, 7, 11]] += 1
    return after.round(decimals=3), at.round(decimals=3)


def answer(both, prompt, settings):
    out = Tables(*both).generate(
        input_ids=torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        do_sample=False,
        use_cache=False,
        pad_token_id=PAD,
        return_dict_in_generate=True,
        output_scores=True,
        **{**settings, "eos_token_id": settings["eos_token_id"] or None},
    )
    return {"ids": out.sequences[0, len(prompt) :].tolist(), "score": out.sequences_scores[0].item()}


def main(path):
    all_tables = [tables(seed) for seed in range(3)]
    cases = []
    for given in CASES:
        settings = {**USUAL, **given}
        prompt = settings.pop("prompt", [4, 5, 4, 8, 1])
        answers = [answer(both, prompt, settings) for both in all_tables]
        cases.append({"prompt": prompt, "settings": settings, "answers": answers})
    # Numbers as they were rounded: float32 has more digits.
    written = json.dumps([{"after": after.tolist(), "at": at.tolist()} for after, at in all_tables])
    rounded = json.loads(written, parse_float=lambda number: round(float(number), 3))
    pathlib.Path(path).write_text(json.dumps({"tables": rounded, "cases": cases}) + "\n")


main(*sys.argv[1:])
