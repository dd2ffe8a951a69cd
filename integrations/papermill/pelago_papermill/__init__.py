"""Parameters as Rust, for papermill: importing this registers the translator."""

import math
import re

from papermill.engines import NBClientEngine
from papermill.exceptions import PapermillException
from papermill.models import Parameter
from papermill.translators import Translator, papermill_translators

__all__ = ["NBClientEngine", "RustTranslator"]

# Every keyword of the edition that cells are compiled in, 2024: strict, then
# reserved. https://doc.rust-lang.org/reference/keywords.html
KEYWORDS = frozenset(
    """
    as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move mut
    pub ref return self Self static struct super trait true type unsafe use where while
    abstract become box do final gen macro override priv try typeof unsized virtual yield
    """.split()
)
# They stay keywords behind `r#`.
NEVER_RAW = frozenset({"crate", "self", "Self", "super"})
DECLARATION = re.compile(
    r"""\s*let\s+(?:mut\s+)?(?P<name>(?:r\#)?\w+)
        \s*(?::\s*(?P<type>[^=]+?))?
        \s*=\s*(?P<value>"(?:[^"\\]|\\.)*"|[^;]*?)\s*;
        \s*(?://\s*(?P<help>.*))?$""",
    re.VERBOSE,
)
ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class RustTranslator(Translator):
    """Values as Rust literals, and parameters as `let` statements."""

    @classmethod
    def translate_none(cls, val):
        raise PapermillException("null is no value of Rust without a type: leave the parameter out")

    @classmethod
    def translate_str(cls, val):
        return '"' + "".join(cls._escape(character) for character in val) + '"'

    # A date or another value that YAML knows and Rust has no literal for.
    @classmethod
    def translate_escaped_str(cls, str_val):
        return cls.translate_str(str(str_val))

    @classmethod
    def translate_int(cls, val):
        for bits in (32, 64, 128):
            if -(2 ** (bits - 1)) <= val < 2 ** (bits - 1):
                # An integer without a suffix is an `i32` unless its use says otherwise.
                return str(val) if bits == 32 else f"{val}i{bits}"
        if 0 <= val < 2**128:
            return f"{val}u128"
        raise PapermillException(f"{val} does not fit into any integer of Rust: i128 begins at -2^127, and u128 ends before 2^128")

    @classmethod
    def translate_float(cls, val):
        if math.isnan(val):
            return "f64::NAN"
        if math.isinf(val):
            return "f64::INFINITY" if val > 0 else "f64::NEG_INFINITY"
        return repr(val)

    @classmethod
    def translate_list(cls, val):
        return f"vec![{', '.join(cls.translate(item) for item in val)}]"

    @classmethod
    def translate_dict(cls, val):
        raise PapermillException(f"a mapping is no value of Rust, and {val!r} is one: pass its fields one by one")

    @classmethod
    def comment(cls, cmt_str):
        return f"// {cmt_str}"

    @classmethod
    def assign(cls, name, str_val):
        if not isinstance(name, str):
            # YAML reads `on`, `no` and `1` as other than texts.
            raise PapermillException(f"the name of a parameter is a text, and {name!r} is none: write it in quotes")
        word = name.removeprefix("r#")
        if word in (NEVER_RAW if name != word else KEYWORDS):
            raise PapermillException(f"{name!r} is a keyword of Rust, so it cannot be the name of a parameter")
        if word == "_" or not word.isidentifier():
            raise PapermillException(f"a parameter is named as a variable of Rust, and {name!r} cannot be one")
        return f"let {name} = {str_val};"

    @classmethod
    def inspect(cls, parameters_cell):
        """The `let` statements of the cell that stand on a line of their own."""
        found = (DECLARATION.match(line) for line in parameters_cell.source.splitlines())
        return [
            Parameter(
                name=declared["name"],
                inferred_type_name=declared["type"] or "None",
                default=declared["value"],
                help=declared["help"] or "",
            )
            for declared in found
            if declared
        ]

    @staticmethod
    def _escape(character):
        if character in ESCAPES:
            return ESCAPES[character]
        return character if character.isprintable() else f"\\u{{{ord(character):x}}}"


papermill_translators.register("pelago", RustTranslator)
papermill_translators.register("rust", RustTranslator)
