"""Make random blocks of every type that GGUF files are read with, and the numbers that the `gguf` package takes them for.

    python make_gguf_blocks.py FOLDER

Writes `<type>.blocks` and `<type>.numbers`, the latter in single precision. Every bit of a block is random, but for the
numbers of half precision among them, which are finite.
"""

import pathlib
import sys

import numpy
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

# Where a block of each type has numbers of half precision.
HALVES = {"F16": [0], "BF16": [], "Q4_0": [0], "Q4_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2], "Q6_K": [208]}
BLOCKS = 512


def main():
    folder = pathlib.Path(sys.argv[1])
    random = numpy.random.default_rng(5)
    for name, halves in HALVES.items():
        kind = GGMLQuantizationType[name]
        _, size = GGML_QUANT_SIZES[kind]
        blocks = random.integers(0, 256, (BLOCKS, size), dtype=numpy.uint8)
        for place in halves:
            values = random.standard_normal(BLOCKS).astype(numpy.float16)
            blocks[:, place : place + 2] = values.view(numpy.uint8).reshape(BLOCKS, 2)
        if name == "BF16":
            blocks = random.standard_normal(BLOCKS).astype(numpy.float32).view(numpy.uint8).reshape(BLOCKS, 4)[:, 2:]
        blocks = numpy.ascontiguousarray(blocks)
        numbers = dequantize(blocks.view(numpy.float16) if name == "F16" else blocks, kind)
        (folder / f"{name}.blocks").write_bytes(blocks.tobytes())
        (folder / f"{name}.numbers").write_bytes(numpy.ascontiguousarray(numbers, dtype=numpy.float32).tobytes())


if __name__ == "__main__":
    main()
