"""Write `browser/page/test/browser/published.json`: what onnxruntime makes of the published graphs of the fixtures.

    python make_published.py tests/fixtures/models browser/page/test/browser/published.json

It was written with onnxruntime 1.32, which the tests need not have. Each prompt is continued alone, greedily and without
padding: a step gives the graph one token, and takes the last of its logits. Logits are those of each token of a text.
"""

import json
import pathlib
import sys

import numpy as np
import onnxruntime as ort

LLAMA = [[319, 221, 309, 299, 221, 279, 78, 221, 291, 88, 221, 300], [221, 270, 90, 89, 221]]
# Longer than what a page gives a decoder in one run.
LONG = [(7 * place * place + 3 * place) % 320 for place in range(600)]
T5 = [[41, 248, 133, 18, 0, 74, 300, 240, 191, 163, 11, 139, 250], [137, 270, 179, 73, 195]]
T5_START = [1]


def empty(session, batch=1):
    """The cache of a decoder before its first run."""
    past = [one for one in session.get_inputs() if one.name.startswith("past_key_values.")]
    return {one.name: np.zeros((batch, one.shape[1], 0, one.shape[3]), np.float32) for one in past}


def grown(cache, session, outputs, without=""):
    """The cache after a run, of which what is named `without` stays as it was."""
    given = dict(zip([one.name for one in session.get_outputs()], outputs))
    later = {name: given[name.replace("past_key_values", "present")] for name in cache}
    return later | {name: cache[name] for name in cache if without and without in name}


def decoder(session, prompt, tokens):
    """The ids that follow, and the logits that each was chosen by."""
    cache, ids, answer, chosen, past = empty(session), list(prompt), [], [], 0
    for _ in range(tokens):
        feeds = {
            "input_ids": np.array([ids], np.int64),
            "attention_mask": np.ones((1, past + len(ids)), np.int64),
            "position_ids": np.arange(past, past + len(ids), dtype=np.int64)[None],
        }
        outputs = session.run(None, feeds | cache)
        cache, past = grown(cache, session, outputs), past + len(ids)
        chosen.append(outputs[0][0, -1])
        ids = [int(chosen[-1].argmax())]
        answer += ids
    return answer, chosen


def encoder_decoder(encoder, session, prompt, start, tokens):
    mask = np.ones((1, len(prompt)), np.int64)
    (states,) = encoder.run(None, {"input_ids": np.array([prompt], np.int64), "attention_mask": mask})
    cache, ids, answer, chosen = empty(session), start, [], []
    for step in range(tokens):
        feeds = {
            "input_ids": np.array([ids], np.int64),
            "encoder_hidden_states": states,
            "encoder_attention_mask": mask,
            "use_cache_branch": np.array([step > 0]),
        }
        outputs = session.run(None, feeds | cache)
        cache = grown(cache, session, outputs, ".encoder." if step > 0 else "")
        chosen.append(outputs[0][0, -1])
        ids = [int(chosen[-1].argmax())]
        answer += ids
    return answer, chosen


def rounded(logits):
    return [[round(float(logit), 6) for logit in row] for row in logits]


def scored(run, ids):
    """What a decoder says of a text: what it says of each beginning of it."""
    return {"ids": ids, "logits": rounded(run(ids[: place + 1])[1][0] for place in range(len(ids)))}


def main(models, path):
    opened = lambda name: ort.InferenceSession(pathlib.Path(models) / name, providers=["CPUExecutionProvider"])
    llama = opened("llama/onnx/model.onnx")
    encoder, t5 = opened("t5/onnx/encoder_model.onnx"), opened("t5/onnx/decoder_model_merged.onnx")
    answers = [encoder_decoder(encoder, t5, prompt, T5_START, 24) for prompt in T5]
    result = {
        "llama": {"prompts": LLAMA, "answers": [decoder(llama, prompt, 24)[0] for prompt in LLAMA]},
        "long": {"prompt": LONG, "answer": decoder(llama, LONG, 8)[0]},
        "score": scored(lambda begun: decoder(llama, begun, 1), LLAMA[0][:4]),
        "t5": {
            "prompts": T5,
            "start": T5_START,
            "answers": [answer for answer, _ in answers],
            "score": scored(lambda begun: encoder_decoder(encoder, t5, T5[0], begun, 1), [1, 85, 319, 20]),
        },
    }
    pathlib.Path(path).write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
