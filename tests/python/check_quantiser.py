"""Compare weights that Pelago quantised with what onnxruntime's own quantiser gives, byte for byte.

    python check_quantiser.py FOLDER          compares every case
    python check_quantiser.py FOLDER --golden FILE   also writes the small cases with the quantiser's bytes to FILE

FOLDER holds `cases.json`, a list of `{name, kind, bits, block, symmetric, k, n}`, and for each case `NAME.weight` (float32,
`[k, n]` of a weight, `[n, k]` of a table), `NAME.packed`, `NAME.scales` and, where there are some, `NAME.zeros`. Prints
the number of cases; exits with 1 at the first that differs.
"""

import argparse
import importlib.util
import json
import pathlib
import sys
import types

import numpy

# The quantiser's module wants it for reading models, which is not what is done here.
if importlib.util.find_spec("onnx_ir") is None:
    sys.modules["onnx_ir"] = types.ModuleType("onnx_ir")

from onnxruntime.capi import _pybind_state as native  # noqa: E402
from onnxruntime.quantization import matmul_nbits_quantizer as quantizer  # noqa: E402
from onnxruntime.quantization import quant_utils  # noqa: E402


def weight(case, values):
    """As `DefaultWeightOnlyQuantizer.qbits_block_quant` calls its kernels."""
    config = quantizer.DefaultWeightOnlyQuantConfig(
        block_size=case["block"], is_symmetric=case["symmetric"], bits=case["bits"]
    )
    packed, scales, zeros = quantizer.DefaultWeightOnlyQuantizer(config).qbits_block_quant(values)
    return packed, scales, None if case["symmetric"] else zeros


def table(case, values):
    return quantizer.DefaultWeightOnlyQuantizer.quantize_ndarray(values, 1, case["block"], case["symmetric"])


def integer(case, values):
    columns, scales = [], []
    for column in values.T:
        _, scale, codes = quant_utils.quantize_data(column.copy(), quantizer.TensorProto.INT8, True)
        columns.append(codes)
        scales.append(scale)
    return numpy.stack(columns, axis=1), numpy.array(scales, dtype=numpy.float32), None


KINDS = {"weight": weight, "table": table, "integer": integer}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--golden", type=pathlib.Path)
    given = parser.parse_args()
    assert native.quantize_matmul_4bits and native.quantize_matmul_2bits and native.quantize_matmul_8bits
    golden = []
    cases = json.loads((given.folder / "cases.json").read_text())
    for case in cases:
        path = given.folder / case["name"]
        shape = (case["n"], case["k"]) if case["kind"] == "table" else (case["k"], case["n"])
        values = numpy.fromfile(path.with_suffix(".weight"), dtype=numpy.float32).reshape(shape)
        with numpy.errstate(all="ignore"):
            parts = dict(zip(("packed", "scales", "zeros"), KINDS[case["kind"]](case, values)))
        for part, expected in parts.items():
            if expected is None:
                continue
            expected = numpy.ascontiguousarray(expected)
            found = path.with_suffix("." + part).read_bytes()
            if part == "scales" and case["kind"] == "table":
                # The sign of a zero is left to numpy's order of comparing.
                same = (numpy.frombuffer(found, dtype=numpy.float32) == expected.ravel()).all()
            else:
                same = found == expected.tobytes()
            if not same:
                actual = numpy.frombuffer(found, dtype=expected.dtype)
                at = int(numpy.flatnonzero(actual != expected.ravel())[0]) if actual.size == expected.size else -1
                sys.exit(f"{case}: {part} differs first at {at} of {expected.size}")
        if values.size <= 100 and case["block"] <= 32:
            bytes_of = {name: part.tobytes().hex() for name, part in parts.items() if part is not None}
            golden.append({**case, "weight": values.tobytes().hex(), **bytes_of})
    if given.golden:
        given.golden.write_text("[\n" + ",\n".join(json.dumps(case) for case in golden) + "\n]\n")
    print(len(cases))


if __name__ == "__main__":
    main()
