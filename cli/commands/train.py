"""`paperdesk train`: recorded ticks become a model that `--strategy xgboost` speaks for."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli import run_options as o
from cli.json_output import print_json
from cli.output_file import Force
from cli.progress import progress_line
from cli.tick_arguments import clock_option, parse_tick_files, show_remarks
from common.errors import StartError

if TYPE_CHECKING:
    from services.signal.model.manifest import Manifest

HORIZON_MAX: Final = 100_000
DEPTH_MAX: Final = 8
ROUNDS_MAX: Final = 5_000

DEFAULT_HORIZON: Final = 100
DEFAULT_DEPTH: Final = 3
DEFAULT_ROUNDS: Final = 300

EXAMPLES = """
[bold]Examples[/bold]

  paperdesk train eurusd.parquet --symbol EURUSD --out models/mine

  paperdesk train eurusd.parquet:EURUSD --out models/mine --to-row 300000 --horizon 200

  paperdesk replay eurusd.parquet:EURUSD --from-row 300001 --strategy xgboost --model models/mine
"""

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="The model's folder.")]
Horizon = Annotated[int, typer.Option("--horizon", metavar="N", help="Ticks ahead that are foreseen.")]
Threshold = Annotated[
    float | None,
    typer.Option(
        "--threshold", metavar="P", help="Probability to signal from. Default: chosen on the validation part."
    ),
]
Depth = Annotated[int, typer.Option("--depth", metavar="N", help="Splits from the root of a tree to its leaves.")]
Rounds = Annotated[
    int, typer.Option("--rounds", metavar="N", help="Most rounds of boosting; it stops earlier by itself.")
]
Note = Annotated[str, typer.Option("--note", help="What the manifest says about the model in words.")]


def register_commands(app: typer.Typer) -> None:
    """Register the command."""
    app.command(epilog=EXAMPLES)(train)


def train(
    files: o.Files,
    out: Out,
    symbol: o.Symbol = None,
    zone: o.Zone = None,
    utc_offset: o.UtcOffset = None,
    from_row: o.FromRow = None,
    to_row: o.ToRow = None,
    crossed: o.CrossedQuotes = o.Crossed.REJECT,
    horizon: Horizon = DEFAULT_HORIZON,
    threshold: Threshold = None,
    depth: Depth = DEFAULT_DEPTH,
    rounds: Rounds = DEFAULT_ROUNDS,
    seed: o.Seed = 0,
    note: Note = "",
    force: Force = False,
    as_json: o.AsJson = False,
) -> int:
    """Train a model, and say whether its edge survives costs on ticks that it has not seen.

    The same ticks, options and libraries give the same bytes.
    """
    named = parse_tick_files(files, symbol)
    clock = clock_option(zone, utc_offset)
    symbols = list(dict.fromkeys(file.symbol for file in named))
    if len(symbols) > 1:
        raise StartError(f"ticks of {', '.join(symbols)}, expected one symbol: a model is trained on one")
    _judge(from_row, to_row, horizon=horizon, threshold=threshold, depth=depth, rounds=rounds, seed=seed)
    _judge_out(out, force=force)
    chosen: dict[str, Any] = {
        "--symbol": symbol,
        "--zone": zone,
        "--utc-offset": utc_offset,
        "--from-row": from_row,
        "--to-row": to_row,
        "--crossed": None if crossed is o.Crossed.REJECT else crossed.value,
        "--horizon": None if horizon == DEFAULT_HORIZON else horizon,
        "--threshold": threshold,
        "--depth": None if depth == DEFAULT_DEPTH else depth,
        "--rounds": None if rounds == DEFAULT_ROUNDS else rounds,
        "--seed": seed or None,
        "--note": note or None,
    }

    from marketdata.files.tick_input import TickInput
    from orchestration.progress import Progress
    from research.training.train import TrainSpec, train, write_model

    spec = TrainSpec(
        inputs=tuple(TickInput(file.path, file.symbol, clock) for file in named),
        symbol=symbols[0],
        from_row=from_row,
        to_row=to_row,
        crossed="accept" if crossed is o.Crossed.ACCEPT else "reject",
        horizon_ticks=horizon,
        depth=depth,
        rounds_max=rounds,
        threshold=threshold,
        seed=seed,
        note=note,
        command=_command(files, out, chosen),
    )
    stream = show_remarks(spec.load())
    with progress_line("train") as show:

        def tell(rounds_done: int) -> None:
            show(Progress(done=rounds_done, total=rounds, facts=(f"{rounds_done} of at most {rounds} rounds",)))

        trained = train(spec, stream, tell)
    write_model(trained, out)
    if as_json:
        import msgspec

        print_json(msgspec.to_builtins(trained.manifest))
    else:
        _show(trained.manifest, out, len(trained.model))
    return 0


def _judge(
    from_row: int | None,
    to_row: int | None,
    *,
    horizon: int,
    threshold: float | None,
    depth: int,
    rounds: int,
    seed: int,
) -> None:
    for name, value in (("--from-row", from_row), ("--to-row", to_row)):
        if value is not None and not 1 <= value <= o.ROW_MAX:
            raise StartError(f"{name} is {value}, expected 1 or more")
    if from_row is not None and to_row is not None and to_row < from_row:
        raise StartError(f"--to-row is {to_row}, expected --from-row {from_row} or more")
    for name, value, most in (
        ("--horizon", horizon, HORIZON_MAX),
        ("--depth", depth, DEPTH_MAX),
        ("--rounds", rounds, ROUNDS_MAX),
    ):
        if not 1 <= value <= most:
            raise StartError(f"{name} is {value}, expected 1 to {most}")
    if threshold is not None and not 0 < threshold <= 1:
        raise StartError(f"--threshold is {threshold}, expected a probability above 0 and at most 1")
    if not 0 <= seed <= _SEED_MAX:
        raise StartError(f"--seed is {seed}, expected 0 to {_SEED_MAX}")


_SEED_MAX: Final = 2**31 - 1
"""XGBoost's own limit."""


def _judge_out(out: Path, *, force: bool) -> None:
    """Require a missing or empty folder, or with `force` the folder of a model."""
    if out.exists() and not out.is_dir():
        raise StartError(f"--out {out} is a file, expected a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / "manifest.json").is_file():
        raise StartError(f"--out {out} has files in it and no model, expected a new folder or one of a model")
    if (out / "manifest.json").is_file() and not force:
        raise StartError(f"--out {out} has a model in it already, expected a new folder, or --force to replace it")


def _command(files: list[str], out: Path, chosen: Mapping[str, Any]) -> str:
    """The command line that makes this model, defaults left out."""
    words = ["paperdesk", "train", *files]
    for name, value in chosen.items():
        if value is not None:
            words += [name, str(value)]
    return shlex.join([*words, "--out", out.as_posix()])


def _show(manifest: Manifest, out: Path, size: int) -> None:
    from cli.tables import show_fields
    from proto.time import utc_text
    from research.training.edge import Edge, edge_summary

    training, held_out = manifest.training, manifest.metrics["held_out"]
    edge = Edge(**held_out["edge"])
    show_fields(
        {
            "model": f"{out}: {training.rounds} rounds, {manifest.model.trees} trees, {size:,} bytes",
            "sha256": manifest.model.sha256,
            "ticks": f"{training.ticks:,} of {training.symbol}, horizon {manifest.labels.horizon_ticks} ticks",
            **{
                name.replace("_", " "): f"{part.rows:,} rows, {utc_text(part.first_ns)} to {utc_text(part.last_ns)}"
                for name, part in training.parts.items()
            },
            "log loss, held out": f"{held_out['log_loss']:.4f}; the base rates alone have "
            f"{held_out['log_loss_of_base_rates']:.4f}",
            "calibration error": f"{held_out['calibration_error']:.4f}",
            "threshold": f"{manifest.thresholds.buy:g}, chosen by the {manifest.metrics['threshold_chosen_by']}",
            "signals, held out": f"{held_out['signal_part']:.1%} of the ticks, {held_out['signals_right_part']:.1%} right; "
            f"sell {held_out['share_sell']:.1%}, hold {held_out['share_hold']:.1%}, buy {held_out['share_buy']:.1%} came",
            "trades, held out": f"{edge.trades:,}, {edge.won_part:.1%} won",
            "bp a trade": f"{edge.gross_bp:+.3f} before costs, {edge.cost_bp:.3f} costs, {edge.net_bp:+.3f} after",
        }
    )
    print(edge_summary(edge))
