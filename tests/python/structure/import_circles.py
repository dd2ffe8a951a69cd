"""Files that import each other in a circle, in the crates of this workspace.

A module may name its children, and a child its parent: those two arrows make no circle. Every other circle of imports
is printed, with the names that tie it, and the program then ends with 1. A file imports another where it uses a name
that the other defines; a re-export is followed to the definition. Tests are left out.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SKIPPED = {"node_modules", "target", ".git", "fuzz", "dist", ".venv"}
ITEM = re.compile(
    r"^(?:pub(?:\([^)]*\))?\s+)?(?:async\s+|unsafe\s+|const\s+|extern\s+\"C\"\s+)*"
    r"(?:fn|struct|enum|trait|type|const|static|union|macro_rules!)\s+(?:mut\s+)?([A-Za-z_]\w*)",
    re.M,
)
USE = re.compile(r"^\s*(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);", re.M)
TEST_MODULE = re.compile(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*mod \w+ \{")

Module = tuple[str, ...]


def sources() -> list[Path]:
    """The `src` folder of each crate."""
    found = []
    for manifest in ROOT.rglob("Cargo.toml"):
        parts = manifest.relative_to(ROOT).parts
        if not SKIPPED & set(parts) and (manifest.parent / "src").is_dir():
            found.append(manifest.parent / "src")
    return sorted(found)


def module_of(path: Path, src: Path) -> Module:
    parts = path.relative_to(src).with_suffix("").parts
    if parts[-1] == "mod":
        parts = parts[:-1]
    return () if parts in (("lib",), ("main",)) else tuple(parts)


def is_test(module: Module) -> bool:
    return any(part == "tests" or part.endswith("_tests") for part in module)


def without_tests(text: str) -> str:
    test = TEST_MODULE.search(text)
    return re.sub(r"//[^\n]*", "", text[: test.start()] if test else text)


def expand(tree: str) -> list[str]:
    """`a::{b, c::{d}}` as its paths."""
    match = re.match(r"^([^{]*)\{(.*)\}$", tree.strip(), re.S)
    if not match:
        return [tree.strip()]
    parts, depth, part = [], 0, ""
    for char in match[2] + ",":
        depth += (char == "{") - (char == "}")
        if char == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += char
    return [path for part in parts if part.strip() for path in expand(match[1] + part.strip())]


class Crate:
    def __init__(self, src: Path) -> None:
        files = {module_of(path, src): path for path in src.rglob("*.rs")}
        self.modules = {module: without_tests(path.read_text()) for module, path in files.items() if not is_test(module)}
        self.defined = {module: set(ITEM.findall(text)) for module, text in self.modules.items()}
        self.used = {module: self.uses(text) for module, text in self.modules.items()}

    @staticmethod
    def uses(text: str) -> list[tuple[bool, str, str]]:
        """Each `use`: whether it is public, its path, and the name that it gives."""
        found = []
        for public, tree in USE.findall(text):
            for path in expand(re.sub(r"\s+", " ", tree)):
                path, _, name = path.partition(" as ")
                found.append((bool(public), path.strip(), (name or path.split("::")[-1]).strip()))
        return found

    def absolute(self, module: Module, path: str) -> Module | None:
        """A path from the crate's root; `None` where it leads to another crate."""
        first, *rest = [part for part in path.split("::") if part] or [""]
        if first == "crate":
            return tuple(rest)
        if first == "self":
            return (*module, *rest)
        if first == "super":
            base, parts = module, [first, *rest]
            while parts and parts[0] == "super":
                base, parts = base[:-1], parts[1:]
            return (*base, *parts)
        return (*module, first, *rest) if (*module, first) in self.modules else None

    def definition(self, path: Module, seen: tuple[Module, ...] = ()) -> Module | None:
        """The module that defines what a path names; `None` where it names a module itself."""
        if path in seen:
            return None
        owner = next(path[:length] for length in range(len(path), -1, -1) if path[:length] in self.modules)
        if owner == path or path[len(owner)] in ("self", "*"):
            return None
        name = path[len(owner)]
        if name in self.defined[owner]:
            return owner
        for _, source, given in self.used[owner]:
            if given not in (name, "*"):
                continue
            target = self.absolute(owner, source)
            if target is None:
                continue
            target = (*target[:-1], name) if given == "*" else target
            found = self.definition(target, (*seen, path))
            if found is not None:
                return found
        return owner

    def named(self, module: Module) -> set[Module]:
        """Every path of this crate that a module's code names."""
        text = self.modules[module]
        paths = {self.absolute(module, path) for public, path, _ in self.used[module] if not public}
        code = USE.sub("", text)
        given = {name: path for _, path, name in self.used[module]}
        for path in re.findall(r"\b([a-z_]\w*(?:::\w+)+)", code):
            first, rest = path.split("::", 1)
            if first in ("crate", "super", "self") or (*module, first) in self.modules:
                paths.add(self.absolute(module, path))
            elif first in given and (start := self.absolute(module, given[first])) is not None:
                paths.add((*start, *rest.split("::")))
        return {path for path in paths if path is not None}

    def imports(self) -> dict[Module, dict[Module, set[str]]]:
        """From each module to those whose definitions it names, its own children left out."""
        arrows: dict[Module, dict[Module, set[str]]] = defaultdict(lambda: defaultdict(set))
        for module in self.modules:
            for path in self.named(module):
                owner = self.definition(path)
                if owner is not None and owner[: len(module)] != module:
                    arrows[module][owner].add(path[-1])
        return arrows


def circles(arrows: dict[Module, dict[Module, set[str]]]) -> list[list[Module]]:
    """Strongly connected modules, by what each reaches."""
    reached: dict[Module, set[Module]] = {}
    for start in list(arrows):
        seen, waiting = set(), [start]
        while waiting:
            for module in arrows.get(waiting.pop(), ()):
                if module not in seen:
                    seen.add(module)
                    waiting.append(module)
        reached[start] = seen
    found = {frozenset(m for m in seen if start in reached.get(m, ())) for start, seen in reached.items() if start in seen}
    return [sorted(circle) for circle in found]


def main() -> int:
    count = 0
    for src in sources():
        arrows = Crate(src).imports()
        for circle in sorted(circles(arrows)):
            count += 1
            print(f"{src.parent.relative_to(ROOT)}: {len(circle)} files import each other")
            for module in circle:
                for other, names in sorted(arrows[module].items()):
                    if other in circle:
                        shown = ", ".join(sorted(names))
                        print(f"    {'::'.join(module) or 'lib'} -> {'::'.join(other) or 'lib'}: {shown}")
    print(f"{count} circles of imports")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
