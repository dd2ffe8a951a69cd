"""Run built encoder–decoders with native onnxruntime and compare what they give with golden outputs.

    python check_encoder_decoder.py [--tolerance T] --case FOLDER GOLDEN [--case …]
    python check_encoder_decoder.py --near FOLDER REFERENCE GOLDEN COSINE [--near …]

FOLDER holds `encoder.onnx`, `cross.onnx`, `decoder.onnx`, the files that their weights are in, and
`generation_config.json`. GOLDEN is a JSON file with `input_ids`, `generated_ids` (what PyTorch gives greedily, from the
decoder's start token on) and, where there are some: `encoder_first`, `encoder_last`, `logits` of the first step,
`logits_at_12`, and `batch`, texts padded at the right. The decoder runs with a cache that grows, and with a static one
that is input and output at once; all of its tokens but the last also in one run. Prints one line a case; exits with 1 at
the first that does not hold.

With `--near`, FOLDER holds conversions of the graphs in REFERENCE: both are given the tokens of GOLDEN one after the
other, and the least cosine of their logits must be COSINE or more.
"""

import argparse
import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime
from caches import run

TYPES = {"tensor(float)": numpy.float32, "tensor(float16)": numpy.float16}


def session(path):
    operators = {node.op_type for node in onnx.load(path, load_external_data=False).graph.node}
    assert not operators & {"Attention", "RMSNormalization", "Shape", "If", "Loop"}, operators
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Model:
    def __init__(self, folder):
        self.encoder, self.cross, self.decoder = (
            session(str(folder / f"{role}.onnx")) for role in ["encoder", "cross", "decoder"]
        )
        self.given = {value.name: value for value in self.decoder.get_inputs()}
        self.outputs = [value.name for value in self.decoder.get_outputs()]

    def encode(self, input_ids, mask):
        feeds = {"input_ids": input_ids.astype(numpy.int32), "attention_mask": mask.astype(numpy.int32)}
        (states,) = self.encoder.run(None, feeds)
        names = [value.name for value in self.cross.get_outputs()]
        seen = dict(zip(names, self.cross.run(None, {"encoder_hidden_states": states})))
        seen["encoder_attention_mask"] = mask.astype(numpy.int32)
        return states, seen

    def empty(self, batch, capacity):
        caches = {}
        for name, value in self.given.items():
            if name.startswith("past."):
                shape = [batch, value.shape[1], capacity or 0, value.shape[3]]
                values = numpy.full(shape, 77.0, TYPES[value.type])
                caches[name] = onnxruntime.OrtValue.ortvalue_from_numpy(values) if capacity else values
        return caches

    def step(self, ids, total, seen, caches):
        """One run; `total` tokens with those of this run. Gives logits and the most likely tokens."""
        feeds = {
            **seen,
            "input_ids": numpy.asarray(ids, numpy.int32),
            "seqlens_k": numpy.full(len(ids), total - 1, numpy.int32),
            "total_sequence_length": numpy.array(total, numpy.int32),
        }
        if "key_positions" in self.given:
            feeds["key_positions"] = numpy.arange(total, dtype=numpy.int32)
        found = run(self.decoder, feeds, caches, self.outputs)
        logits = found["logits"].numpy()
        return logits if logits.ndim == 3 else logits[:, None], found["next"].numpy()


def choose(logits, ids, settings, last):
    """The next token as transformers takes it greedily, with the settings that these models have."""
    if len(ids) == 1 and settings.get("forced_bos_token_id") is not None:
        return settings["forced_bos_token_id"]
    if last and settings.get("forced_eos_token_id") is not None:
        return settings["forced_eos_token_id"]
    logits = logits.copy()
    for word in settings.get("bad_words_ids", []):
        logits[word] = -numpy.inf
    size = settings.get("no_repeat_ngram_size", 0)
    if size and len(ids) >= size:
        for start in range(len(ids) - size + 1):
            if ids[start : start + size - 1] == ids[len(ids) - size + 1 :]:
                logits[ids[start + size - 1]] = -numpy.inf
    return int(logits.argmax())


def generate(model, settings, input_ids, mask, wanted, capacity):
    """Rows of ids, the logits of each step, and the encoder's states."""
    states, seen = model.encode(input_ids, mask)
    rows = [[row[0]] for row in wanted]
    caches = model.empty(len(rows), capacity)
    steps = []
    length = len(wanted[0])
    # What a row is filled up with after its end.
    ended = [False] * len(rows)
    for total in range(1, length):
        logits, best = model.step([[row[-1]] for row in rows], total, seen, caches)
        assert logits.shape[:2] == best.shape == (len(rows), 1)
        assert (logits.argmax(-1) == best).all()
        steps.append(logits[:, 0])
        for place, row in enumerate(rows):
            token = choose(logits[place, 0], row, settings, total == length - 1)
            row.append(settings["pad_token_id"] if ended[place] else token)
            ended[place] |= token == settings["eos_token_id"]
    return rows, steps, states


def check(folder, golden, tolerance):
    settings = json.loads((folder / "generation_config.json").read_text())
    model = Model(folder)
    ids = numpy.atleast_2d(numpy.array(golden["input_ids"]))
    wanted = numpy.atleast_2d(numpy.array(golden["generated_ids"])).tolist()
    errors = {}

    def far(what, actual, expected):
        errors[what] = max(errors.get(what, 0.0), float(numpy.abs(actual - numpy.array(expected)).max()))

    for capacity in [None, len(wanted[0]) + 4]:
        rows, steps, states = generate(model, settings, ids, numpy.ones_like(ids), wanted, capacity)
        assert rows == wanted, f"capacity {capacity}: {rows} where {wanted} was expected"
        for place, name in [(0, "encoder_first"), (-1, "encoder_last")]:
            if name in golden:
                far("encoder", states[0, place], golden[name])
        if "logits" in golden:
            far("logits", steps[0][0], golden["logits"])
        if "logits_at_12" in golden:
            far("logits", steps[11][0], golden["logits_at_12"])
        # All tokens at once, then one more.
        _, seen = model.encode(ids, numpy.ones_like(ids))
        caches = model.empty(1, capacity)
        for start, end in [(0, 5), (5, len(wanted[0]) - 2), (len(wanted[0]) - 2, len(wanted[0]) - 1)]:
            logits, _ = model.step([wanted[0][start:end]], end, seen, caches)
            far("pieces", logits[0, -1], steps[end - 1][0])
    if "batch" in golden:
        batch = golden["batch"]
        mask = numpy.array(batch["attention_mask"])
        for capacity in [None, 40]:
            rows, _, _ = generate(
                model, settings, numpy.array(batch["input_ids"]), mask, batch["generated_ids"], capacity
            )
            assert rows == batch["generated_ids"], f"batch: {rows} where {batch['generated_ids']} was expected"
    worst = max(errors.values())
    assert worst <= tolerance, f"off by {errors}, more than {tolerance:.0e}"
    return errors


def logits_of(folder, golden):
    model = Model(folder)
    ids = numpy.atleast_2d(numpy.array(golden["input_ids"]))
    whole = numpy.array(golden["generated_ids"]).reshape(-1).tolist()
    _, seen = model.encode(ids, numpy.ones_like(ids))
    caches = model.empty(1, len(whole))
    steps = [model.step([[token]], place + 1, seen, caches)[0][0, 0] for place, token in enumerate(whole[:-1])]
    types = {value.type for name, value in model.given.items() if name.startswith(("past.", "cross."))}
    return numpy.stack(steps).astype(numpy.float64), "".join(types)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs=2, action="append", default=[], metavar=("FOLDER", "GOLDEN"))
    names = ("FOLDER", "REFERENCE", "GOLDEN", "COSINE")
    parser.add_argument("--near", nargs=4, action="append", default=[], metavar=names)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    arguments = parser.parse_args()
    for folder, reference, golden, least in arguments.near:
        values = json.loads(pathlib.Path(golden).read_text())
        found, types = logits_of(pathlib.Path(folder), values)
        expected, _ = logits_of(pathlib.Path(reference), values)
        cosines = (found * expected).sum(-1) / numpy.linalg.norm(found, axis=-1) / numpy.linalg.norm(expected, axis=-1)
        if not cosines.min() >= float(least):
            sys.exit(f"{golden}: a cosine of {cosines.min():.5f}, less than {least}")
        print(golden, f"cosine {cosines.min():.6f} at least, cache {types}")
    for folder, golden in arguments.case:
        try:
            errors = check(pathlib.Path(folder), json.loads(pathlib.Path(golden).read_text()), arguments.tolerance)
        except AssertionError as error:
            sys.exit(f"{golden}: {error}")
        print(golden, "ids equal, off by at most", {what: f"{error:.1e}" for what, error in errors.items()})


if __name__ == "__main__":
    main()
