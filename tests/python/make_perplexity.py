"""Writes tests/fixtures/models/perplexity.json: how surprised PyTorch's models are at texts.

    python tests/python/make_perplexity.py

Needs torch and transformers 4.57. For a decoder the text is the prompt; for an encoder-decoder it is the answer that it
gives itself, NEW tokens greedily, whatever ends it.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

FIXTURES = Path(__file__).parents[1] / "fixtures" / "models"
PROMPT = "The ferryman looked at the sky, then at the three travellers who were waiting under the roof."
NEW = 8
DECODERS = ["llama", "gpt2", "qwen2"]
ENCODER_DECODERS = ["flan_t5"]


def perplexity(logits, ids):
    return F.cross_entropy(logits[0, :-1].double(), ids[0, 1:]).exp().item()


def main():
    found = {}
    with torch.no_grad():
        for name in DECODERS + ENCODER_DECODERS:
            folder = FIXTURES / "text" / name
            encoded = AutoTokenizer.from_pretrained(folder)(PROMPT, return_tensors="pt")
            if name in DECODERS:
                model = AutoModelForCausalLM.from_pretrained(folder).float().eval()
                ids = encoded.input_ids
                logits = model(ids).logits
                made = model.generate(ids, do_sample=False, min_new_tokens=NEW, max_new_tokens=NEW)[0, ids.shape[1] :]
            else:
                model = AutoModelForSeq2SeqLM.from_pretrained(folder).float().eval()
                ids = torch.tensor([[model.config.decoder_start_token_id]])
                for _ in range(NEW):
                    logits = model(**encoded, decoder_input_ids=ids).logits
                    ids = torch.cat([ids, logits[:, -1].argmax(-1, keepdim=True)], 1)
                logits = model(**encoded, decoder_input_ids=ids).logits
                made = ids[0, 1:]
            found[name] = {"tokens": ids.shape[1], "perplexity": perplexity(logits, ids), "made": made.tolist()}
    out = {"prompt": PROMPT, "models": found}
    (FIXTURES / "perplexity.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
