"""Run built decoders with native onnxruntime and compare what they give with golden outputs.

    python check_generation.py [--tolerance T] --case FOLDER GOLDEN [--case …]
    python check_generation.py --near FOLDER REFERENCE GOLDEN COSINE [--near …]

FOLDER holds `model.onnx` and the files that its weights are in. GOLDEN is a JSON file with `input_ids` of a prompt,
`generated_ids` (the prompt and what PyTorch adds to it, greedily) and, where there are some: `logits` of the prompt's
last token, and `batch`, prompts of different lengths padded at the left with what each becomes. Each prompt is given in
one run and in two, with a cache that grows and with a static one that is input and output at once and begins full of
other numbers; a batch is given padded at the right, rows of it alone too. Prints one line a case; exits with 1 at the
first that does not hold.

With `--near`, FOLDER holds a conversion of the model in REFERENCE: both are given the tokens of GOLDEN, one run a token
after the prompt, and the least cosine of their logits must be COSINE or more.
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


class Decoder:
    def __init__(self, folder):
        path = str(folder / "model.onnx")
        names = {node.op_type for node in onnx.load(path, load_external_data=False).graph.node}
        assert not names & {"Attention", "RMSNormalization", "MultiHeadAttention", "Shape", "If", "Loop"}, names
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        given = {value.name: value for value in self.session.get_inputs()}
        self.past = {name: value for name, value in given.items() if name.startswith("past.")}
        # A static cache that is the same for every run has its length in the graph.
        length = next(iter(self.past.values())).shape[2]
        self.capacity = length if isinstance(length, int) else None
        names = ["input_ids", "seqlens_k"] + ([] if self.capacity else ["total_sequence_length"])
        assert self.past and len(given) == len(names) + len(self.past), list(given)
        for name in names:
            assert given[name].type == "tensor(int32)", name
        self.outputs = [value.name for value in self.session.get_outputs()]

    def empty(self, batch, capacity):
        """A cache: empty, or static and full of what no model writes there."""
        capacity = self.capacity or capacity
        caches = {}
        for name, value in self.past.items():
            shape = [batch, value.shape[1], capacity or 0, value.shape[3]]
            values = numpy.full(shape, 77.0, TYPES[value.type])
            caches[name] = onnxruntime.OrtValue.ortvalue_from_numpy(values) if capacity else values
        return caches

    def run(self, input_ids, lengths, caches):
        """One run; `lengths` are the rows' tokens with those of this run. Gives the outputs that are no cache."""
        feeds = {
            "input_ids": numpy.asarray(input_ids, numpy.int32),
            "seqlens_k": numpy.asarray(lengths, numpy.int32) - 1,
            "total_sequence_length": numpy.array(max(lengths), numpy.int32),
        }
        if self.capacity:
            feeds.pop("total_sequence_length")
        found = run(self.session, feeds, caches, self.outputs)
        found = {name: value.numpy() for name, value in found.items() if not name.startswith("present.")}
        if found["logits"].ndim == 2:
            found["logits"] = found["logits"][:, None]
        assert (found["next_seqlens_k"] == feeds["seqlens_k"] + 1).all()
        if not self.capacity:
            assert found["next_total_sequence_length"] == feeds["total_sequence_length"] + 1
        return found

    def generate(self, prompts, count, capacity=None, pieces=1):
        """What each prompt becomes, and the logits after it."""
        lengths = [len(prompt) for prompt in prompts]
        width = max(lengths)
        # Padding is any token: the next prompt's first.
        ids = numpy.array([prompt + [prompts[0][0]] * (width - len(prompt)) for prompt in prompts])
        caches = self.empty(len(prompts), capacity)
        cuts = [width * piece // pieces for piece in range(pieces + 1)]
        for start, end in zip(cuts, cuts[1:]):
            # A batch comes in one piece.
            found = self.run(ids[:, start:end], lengths if pieces == 1 else [end], caches)
        logits = found["logits"]
        all_logits = logits.shape[1] == cuts[-1] - cuts[-2] > 1
        rows = [list(prompt) for prompt in prompts]
        last = [length - 1 - cuts[-2] for length in lengths] if all_logits else [0] * len(rows)
        first = numpy.stack([logits[row, place] for row, place in enumerate(last)])
        chosen = [found["next"][row, place] for row, place in enumerate(last)]
        for step in range(count):
            for row, token in zip(rows, chosen):
                row.append(int(token))
            if step + 1 == count:
                break
            found = self.run(numpy.array(chosen)[:, None], [len(row) for row in rows], caches)
            assert found["logits"].shape[:2] == found["next"].shape == (len(rows), 1)
            chosen = found["logits"][:, 0].argmax(-1)
            assert (chosen == found["next"][:, 0]).all(), "next is not the most likely token"
        return rows, first


def check(folder, golden, tolerance):
    decoder = Decoder(folder)
    prompt, expected = golden["input_ids"], golden["generated_ids"]
    prompt, expected = [numpy.array(ids).reshape(-1).tolist() for ids in (prompt, expected)]
    count = len(expected) - len(prompt)
    assert expected[: len(prompt)] == prompt and count > 0
    worst, before = 0.0, None
    for capacity in [None, len(expected) + 3]:
        for pieces in [1, 2, 3]:
            (ids,), (logits,) = decoder.generate([prompt], count, capacity, pieces)
            assert ids == expected, f"capacity {capacity}, {pieces} pieces: {ids} where {expected} was expected"
            reference = golden.get("logits", before if before is not None else logits)
            before = logits if before is None else before
            worst = max(worst, float(numpy.abs(logits - numpy.array(reference)).max()))
    assert worst <= tolerance, f"logits are off by {worst:.2e}, more than {tolerance:.0e}"
    errors = {"logits": worst}
    if "batch" in golden and not decoder.capacity:
        batch = golden["batch"]
        rows = zip(batch["input_ids"], batch["attention_mask"], batch["generated_ids"])
        prompts, wanted = [], []
        for ids, mask, becomes in rows:
            padding = mask.index(1)
            prompts.append(ids[padding:])
            wanted.append(becomes[padding:])
        count = min(len(row) - len(prompt) for row, prompt in zip(wanted, prompts))
        for capacity in [None, max(map(len, wanted)) + 5]:
            found, logits = decoder.generate(prompts, count, capacity)
            for row, prompt in enumerate(prompts):
                end = len(prompt) + count
                assert found[row] == wanted[row][:end], f"row {row}: {found[row]} where {wanted[row]} was expected"
                _, (alone,) = decoder.generate([prompt], 1, capacity)
                errors["batch"] = max(errors.get("batch", 0), float(numpy.abs(logits[row] - alone).max()))
        assert errors["batch"] <= tolerance, f"a batch changes logits by {errors['batch']:.2e}"
    return errors


def logits_of(decoder, prompt, whole):
    """Of the prompt and of each token that follows, with a static cache."""
    caches = decoder.empty(1, len(whole))
    found = [decoder.run([prompt], [len(prompt)], caches)["logits"][0, -1]]
    for place in range(len(prompt), len(whole) - 1):
        found.append(decoder.run([[whole[place]]], [place + 1], caches)["logits"][0, -1])
    return numpy.stack(found).astype(numpy.float64)


def near(folder, reference, golden):
    prompt, whole = [numpy.array(golden[name]).reshape(-1).tolist() for name in ("input_ids", "generated_ids")]
    converted, single = Decoder(folder), Decoder(reference)
    found, expected = (logits_of(decoder, prompt, whole) for decoder in (converted, single))
    cosines = (found * expected).sum(-1) / numpy.linalg.norm(found, axis=-1) / numpy.linalg.norm(expected, axis=-1)
    same = float((found.argmax(-1) == expected.argmax(-1)).mean())
    types = {value.type for value in converted.past.values()}
    return float(cosines.min()), same, "".join(types)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs=2, action="append", default=[], metavar=("FOLDER", "GOLDEN"))
    names = ("FOLDER", "REFERENCE", "GOLDEN", "COSINE")
    parser.add_argument("--near", nargs=4, action="append", default=[], metavar=names)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    arguments = parser.parse_args()
    for folder, reference, golden, least in arguments.near:
        values = json.loads(pathlib.Path(golden).read_text())
        cosine, same, types = near(pathlib.Path(folder), pathlib.Path(reference), values)
        if not cosine >= float(least):
            sys.exit(f"{golden}: a cosine of {cosine:.5f}, less than {least}")
        print(golden, f"cosine {cosine:.6f} at least, {same:.0%} of tokens the same, cache {types}")
    for folder, golden in arguments.case:
        golden_values = json.loads(pathlib.Path(golden).read_text())
        for name, values in golden_values.items() if "input_ids" not in golden_values else [("", golden_values)]:
            try:
                errors = check(pathlib.Path(folder), values, arguments.tolerance)
            except AssertionError as error:
                sys.exit(f"{golden} {name}: {error}")
            print(golden, name, "ids equal, off by at most", {what: f"{error:.1e}" for what, error in errors.items()})


if __name__ == "__main__":
    main()
