"""Run built graphs with native onnxruntime and compare what they give with golden outputs.

    python check_graph.py --case FOLDER GOLDEN TOLERANCE [--case …]

FOLDER holds `model.onnx` and the files that its weights are in. GOLDEN is a JSON file with `input_ids` (one row or a
batch), and any of: `attention_mask`; `last_hidden_state`, of every token or of those that `checked` lists;
`mean_normalized`, the mean of the tokens' states scaled to length 1 (its first values may suffice). Of each graph it
also holds that it is valid ONNX, that its output has the promised type and shape, that padding and the other rows of a
batch change nothing, and that a row of padding alone gives numbers. Prints one line a case; exits with 1 at the first
that does not hold.
"""

import argparse
import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime


class Graph:
    def __init__(self, folder):
        path = str(folder / "model.onnx")
        onnx.checker.check_model(path, full_check=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.inputs = {given.name: given.type for given in self.session.get_inputs()}

    def run(self, input_ids, attention_mask):
        values = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "token_type_ids": numpy.zeros_like(input_ids),
        }
        dtypes = {"tensor(int32)": numpy.int32, "tensor(int64)": numpy.int64}
        feeds = {name: values[name].astype(dtypes[dtype]) for name, dtype in self.inputs.items()}
        (states,) = self.session.run(["last_hidden_state"], feeds)
        assert states.dtype == numpy.float32 and states.shape[:2] == input_ids.shape, (states.dtype, states.shape)
        return states


def far(what, actual, expected, tolerance):
    actual, expected = numpy.asarray(actual), numpy.asarray(expected)
    assert actual.shape == expected.shape, f"{what}: {actual.shape} where {expected.shape} was expected"
    error = float(numpy.abs(actual - expected).max())
    assert error <= tolerance, f"{what}: off by {error:.2e}, more than {tolerance:.0e}"
    return error


def check(folder, golden_path, tolerance):
    graph, golden = Graph(folder), json.loads(golden_path.read_text())
    input_ids = numpy.atleast_2d(numpy.array(golden["input_ids"]))
    mask = numpy.array(golden["attention_mask"]) if "attention_mask" in golden else numpy.ones_like(input_ids)
    states = graph.run(input_ids, mask)
    errors = {}
    if "last_hidden_state" in golden:
        expected = numpy.array(golden["last_hidden_state"])
        expected = expected.reshape(-1, *expected.shape[-2:])
        checked = golden.get("checked", list(range(input_ids.shape[1])))
        errors["state"] = far("last_hidden_state", states[:, checked], expected, tolerance)
    if "mean_normalized" in golden:
        mean = states[0].mean(0)
        expected = golden["mean_normalized"]
        actual = (mean / numpy.linalg.norm(mean))[: len(expected)]
        errors["embedding"] = far("mean_normalized", actual, expected, tolerance)
    assert errors, f"{golden_path} has nothing to compare with"

    # The same rows alone, unpadded; then together with a shorter one and an empty one. Padding is the last row's last
    # token where the golden batch has some (RoBERTa's and MPNet's positions depend on it), else 0.
    padding = int(input_ids[-1, -1]) if mask[-1, -1] == 0 else 0
    rows = [row[row_mask == 1] for row, row_mask in zip(input_ids, mask)]
    rows += [rows[0][:3], rows[0][:0]]
    width = max(map(len, rows)) + 5
    batch = numpy.full((len(rows), width), padding)
    batch_mask = numpy.zeros_like(batch)
    for index, row in enumerate(rows):
        batch[index, : len(row)], batch_mask[index, : len(row)] = row, 1
    together = graph.run(batch, batch_mask)
    assert numpy.isfinite(together).all(), "a row of padding alone gives what is not a number"
    for index, row in enumerate(rows[:-1]):
        alone = graph.run(row[None], numpy.ones((1, len(row)), dtype=numpy.int64))
        errors["padding"] = max(
            errors.get("padding", 0), far(f"row {index} in a batch", together[index, : len(row)], alone[0], 1e-5)
        )
    return errors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs=3, action="append", required=True, metavar=("FOLDER", "GOLDEN", "TOLERANCE"))
    for folder, golden, tolerance in parser.parse_args().case:
        try:
            errors = check(pathlib.Path(folder), pathlib.Path(golden), float(tolerance))
        except AssertionError as error:
            sys.exit(f"{folder}: {error}")
        print(folder, "off by at most", {what: f"{error:.1e}" for what, error in errors.items()})


if __name__ == "__main__":
    main()
