"""Run built encoders with heads in native onnxruntime and compare their logits with golden outputs.

    python check_heads.py --case FOLDER GOLDEN TOLERANCE [--case …]

FOLDER holds `model.onnx` and the files that its weights are in. GOLDEN is a JSON file that is a case, or has some as
`cases`, `pairs` or `batch`: `input_ids`, of one text or of several, maybe `attention_mask` and `token_type_ids`, and
what PyTorch gives: `logits` (of all tokens, or of those that `mask_positions` lists), `logit`, or `start_logits` and
`end_logits`. Prints one line a case; exits with 1 at the first that does not hold.
"""

import argparse
import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime


def check(folder, golden):
    path = str(folder / "model.onnx")
    onnx.checker.check_model(path, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = {value.name for value in session.get_inputs()}
    outputs = [value.name for value in session.get_outputs()]
    cases = [*golden.get("cases", []), *golden.get("pairs", []), golden.get("batch", golden)]
    worst, count = 0.0, 0
    for case in cases:
        if "input_ids" not in case:
            continue
        ids = numpy.array(case["input_ids"])
        single = ids.ndim == 1
        ids = numpy.atleast_2d(ids)
        feeds = {
            "input_ids": ids,
            "attention_mask": numpy.atleast_2d(case.get("attention_mask", numpy.ones_like(ids))),
            "token_type_ids": numpy.atleast_2d(case.get("token_type_ids", numpy.zeros_like(ids))),
        }
        feeds = {name: numpy.array(value).astype(numpy.int32) for name, value in feeds.items() if name in names}
        found = dict(zip(outputs, session.run(None, feeds)))
        expected = {name: case[name] for name in ["logits", "start_logits", "end_logits"] if name in case}
        expected |= {"logits": [case["logit"]]} if "logit" in case else {}
        for name, values in expected.items():
            values, actual = numpy.array(values), found[name]
            assert actual.dtype == numpy.float32
            if "mask_positions" in case:
                actual = actual[:, case["mask_positions"]]
            actual = actual[0] if single else actual
            if values.ndim < actual.ndim and actual.shape[-1] == 1:
                actual = actual[..., 0]
            assert actual.shape == values.shape, f"{name}: {actual.shape} where {values.shape} was expected"
            padding = feeds["attention_mask"].astype(bool) if not single and actual.ndim > 1 else None
            if padding is not None and actual.shape[:2] == padding.shape:
                actual, values = actual[padding], values[padding]
            worst, count = max(worst, float(numpy.abs(actual - values).max())), count + 1
    assert count, "nothing to compare with"
    return worst, count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs=3, action="append", required=True, metavar=("FOLDER", "GOLDEN", "TOLERANCE"))
    for folder, golden, tolerance in parser.parse_args().case:
        worst, count = check(pathlib.Path(folder), json.loads(pathlib.Path(golden).read_text()))
        if worst > float(tolerance):
            sys.exit(f"{golden}: off by {worst:.2e}, more than {tolerance}")
        print(golden, f"{count} outputs off by at most {worst:.1e}")


if __name__ == "__main__":
    main()
