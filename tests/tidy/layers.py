"""Which code may know which: cores decide and touch nothing, and imports point down the layers.

A core is whatever lies in `services/*/core/`. It must give the same answers live, in a backtest and in a simulation, so
it may use only what depends on its arguments alone.
"""

from collections.abc import Iterator

from tests.tidy.source import Import, SourceFile, Violation

# The part of the standard library whose results depend on nothing but the arguments.
PURE_STDLIB = frozenset(
    {
        "__future__",
        "abc",
        "array",
        "base64",
        "binascii",
        "bisect",
        "cmath",
        "collections",
        "copy",
        "dataclasses",
        "datetime",
        "decimal",
        "enum",
        "fractions",
        "functools",
        "graphlib",
        "hashlib",
        "heapq",
        "hmac",
        "itertools",
        "json",
        "math",
        "numbers",
        "operator",
        "re",
        "statistics",
        "string",
        "struct",
        "textwrap",
        "types",
        "typing",
        "zlib",
        "zoneinfo",
    }
)
NUMERIC = frozenset({"numpy", "numba", "xgboost", "msgspec"})

CLOCKS = (
    "time.",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
)
# Seeded generators are a function of their seed and may be used; numpy's global one may not.
SEEDED = ("Generator", "Philox", "PCG64", "SeedSequence", "BitGenerator")
OUTSIDE_CALLS = {"open", "print", "input", "__import__"}

# Who may import what of our own; `services.*` stands for the service's own package.
KNOWS = {
    "proto": ("proto",),
    "common": ("common", "proto"),
    "services": ("proto", "common"),
    "research": ("proto", "common", "services", "research"),
    "cli": ("proto", "common", "services", "research", "cli"),
}
OURS = (*KNOWS, "tests")
# The gateway reads recorded ticks with the reader that the backtest uses: two readers would be two truths.
EXCEPTIONS = {"services.mt5": ("research.ticks",)}


def _service_of(file: SourceFile) -> str | None:
    """The dotted name of the service that a file belongs to."""
    return f"services.{file.parts[1]}" if file.parts[0] == "services" and len(file.parts) > 2 else None


def _is_core(file: SourceFile) -> bool:
    return file.is_python and file.parts[0] == "services" and file.parts[2:3] == ("core",)


def core_keeps_to_itself(files: list[SourceFile]) -> Iterator[Violation]:
    """A core imports pure parts of the standard library, numeric libraries, proto, and its own core."""
    for file in filter(_is_core, files):
        own = f"{_service_of(file)}.core"
        for found in file.imports:
            allowed = found.top in PURE_STDLIB | NUMERIC | {"proto"} or found.is_in(own)
            if not allowed:
                remedy = f"pass in what it gives, or move this code from core/ to the shell; allowed are proto, {own}, "
                remedy += "numeric libraries and pure parts of the standard library"
                yield Violation(file.path, found.line, f"a core imports {found.name}", remedy)


def core_reads_no_clock(files: list[SourceFile]) -> Iterator[Violation]:
    """A core is told the time, and neither opens, prints nor draws anything by itself."""
    for file in filter(_is_core, files):
        for node, name in file.uses():
            if name.startswith(CLOCKS):
                remedy = "take the time from the `now` that handle() and on_timer() are given"
                yield Violation(file.path, node.lineno, f"a core reads {name}", remedy)
            if name.startswith("numpy.random.") and name.split(".")[2] not in SEEDED:
                remedy = "draw from a function of seed, ordinal and purpose"
                yield Violation(file.path, node.lineno, f"a core uses {name}", remedy)
        for call, name in file.calls():
            if name in OUTSIDE_CALLS:
                yield Violation(
                    file.path, call.lineno, f"a core calls {name}()", "return a message; the shell acts on it"
                )


def layers_point_down(files: list[SourceFile]) -> Iterator[Violation]:
    """proto knows nobody, common knows proto, a service knows those two and itself; nobody knows the tests."""
    for file in files:
        if file.is_python and file.parts[0] in KNOWS:
            service = _service_of(file)
            allowed = (*KNOWS[file.parts[0]], *([service, *EXCEPTIONS.get(service, ())] if service else []))
            for found in file.imports:
                if found.top in OURS and not _is_allowed(found, allowed):
                    remedy = f"allowed here are {', '.join(allowed)}; services talk through messages in proto"
                    yield Violation(file.path, found.line, f"{service or file.parts[0]} imports {found.name}", remedy)


def _is_allowed(found: Import, packages: tuple[str, ...]) -> bool:
    return any(found.is_in(package) for package in packages)
