"""Rules for imports: cores import only code without side effects, and a layer imports no layer above it.

A core is the code in `services/*/core/`, and `marketdata` without the packages that read files. A core must give the
same results live, in a backtest and in a simulation. Therefore it may only use functions whose results depend only on
their arguments.
"""

from collections.abc import Iterator

from tests.tidy.source import Import, SourceFile, Violation

# The modules of the standard library whose results, except for `CLOCKS`, depend only on the arguments.
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
# Seeded generators depend only on their seed and may be used; numpy's global generator may not.
SEEDED = ("Generator", "Philox", "PCG64", "SeedSequence", "BitGenerator")
OUTSIDE_CALLS = {"open", "print", "input", "__import__"}

READERS = ("files", "instrument_files")
"""Packages of marketdata that read files."""

# The layers from the lowest to the highest. A layer imports itself and lower layers; no service imports another one.
LAYERS = ("proto", "common", "marketdata", "services", "research", "orchestration", "verification", "cli")
OURS = (*LAYERS, "tests")

READS_OF_A_SERVICE = {
    "services.web": ("services.portfolio.core", "services.portfolio.ledger", "services.notify.store"),
    "services.notify": ("services.portfolio.core", "services.portfolio.ledger", "services.watchdog.alert_log"),
}
"""Packages of another service that a service may import, to read that service's file: the ledger, or the alerts."""

# The packages of the two large cores, from the lowest to the highest, each with the other packages that it may import.
# Modules beside the packages may import all of them, and no package imports these modules.
PORTFOLIO = ("account", "plan", "sizing", "accounting", "risk", "state", "decision", "gateway_client", "queries")
CORES = {
    "services.portfolio.core": {
        **{package: PORTFOLIO[:level] for level, package in enumerate(PORTFOLIO)},
        "sizing": ("plan",),  # sizing receives all its inputs as arguments and does not read the account
    },
    "services.mt5.core": {"ports": (), "gateway": ("ports",), "simulated": ("ports",)},
}


def _service_of(file: SourceFile) -> str | None:
    """The dotted name of the service to which a file belongs; None for other files."""
    return f"services.{file.parts[1]}" if file.parts[0] == "services" and len(file.parts) > 2 else None


def _is_core(file: SourceFile) -> bool:
    """Whether a file belongs to a core, or to the pure part of marketdata."""
    if file.parts[0] == "marketdata":
        return file.is_python and file.parts[1] not in READERS
    return file.is_python and file.parts[0] == "services" and file.parts[2:3] == ("core",)


def core_imports_pure_code_only(files: list[SourceFile]) -> Iterator[Violation]:
    """A core imports only pure modules: of the standard library, numeric libraries, proto, marketdata and its core."""
    for file in filter(_is_core, files):
        service = _service_of(file)
        own = ("proto", "marketdata", *([f"{service}.core"] if service else []))
        for found in file.imports:
            allowed = found.top in PURE_STDLIB | NUMERIC or _is_allowed(found, own)
            if not allowed or any(found.is_in(f"marketdata.{reader}") for reader in READERS):
                remedy = "pass its result in, or move this code from core/ to the shell; allowed are "
                remedy += (
                    f"{', '.join(own)} (but {', '.join(READERS)} of marketdata), numeric libraries "
                    "and pure parts of the standard library"
                )
                yield Violation(file.path, found.line, f"a core imports {found.name}", remedy)


def core_reads_no_clock(files: list[SourceFile]) -> Iterator[Violation]:
    """A core reads no clock, opens no file, does not print, and draws no random numbers without a seed."""
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
    """A layer imports only itself and lower layers; a service imports no other one except by `READS_OF_A_SERVICE`."""
    for file in files:
        if file.is_python and file.parts[0] in LAYERS:
            service = _service_of(file)
            level = LAYERS.index(file.parts[0])
            allowed = (*LAYERS[:level], service or file.parts[0], *READS_OF_A_SERVICE.get(service or "", ()))
            for found in file.imports:
                if found.top in OURS and not _is_allowed(found, allowed):
                    remedy = f"allowed here are {', '.join(allowed)}; services exchange messages in proto"
                    yield Violation(file.path, found.line, f"{service or file.parts[0]} imports {found.name}", remedy)


def packages_of_a_core_point_down(files: list[SourceFile]) -> Iterator[Violation]:
    """In a large core, a package imports only the packages that `CORES` lists for it, and no module beside them."""
    for file in filter(_is_core, files):
        core = f"{_service_of(file)}.core"
        lower = CORES[core].get(file.parts[3]) if core in CORES else None
        for found in file.imports if lower is not None else ():
            allowed = tuple(f"{core}.{package}" for package in (file.parts[3], *(lower or ())))
            if found.is_in(core) and not _is_allowed(found, allowed):
                remedy = f"allowed here are {', '.join(allowed)}; move what both need into the lower of the two"
                yield Violation(file.path, found.line, f"{file.parts[3]} imports {found.name}", remedy)


def _is_allowed(found: Import, packages: tuple[str, ...]) -> bool:
    return any(found.is_in(package) for package in packages)
