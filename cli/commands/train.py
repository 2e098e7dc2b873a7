"""`paperdesk train`: train a model for `--strategy xgboost` on recorded ticks."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from cli import options as o
from cli.json_output import print_json
from cli.option_groups import option_arguments, with_option_groups
from cli.progress import progress_line
from cli.run_options import check_rows, check_seed
from cli.tables import show_fields
from cli.tick_arguments import clock_option, parse_tick_files, show_remarks
from common.errors import StartError
from marketdata.files.tick_input import DEFAULT_CROSSED, TickInput
from orchestration.progress import Progress
from proto.time import utc_text
from research.training.defaults import DEFAULT_DEPTH, DEFAULT_HORIZON_TICKS, DEFAULT_ROUNDS_MAX
from services.signal.model.manifest import Manifest

app = typer.Typer()

HORIZON_MAX: Final = 100_000
DEPTH_MAX: Final = 8
ROUNDS_MAX: Final = 5_000

SEED_MAX: Final = 2**31 - 1
"""The highest seed that XGBoost accepts."""

EXAMPLES = """
[bold]Examples[/bold]

  paperdesk train eurusd.parquet --symbol EURUSD --out models/mine

  paperdesk train eurusd.parquet:EURUSD --out models/mine --to-row 300000 --horizon 200

  paperdesk replay eurusd.parquet:EURUSD --from-row 300001 --strategy xgboost --model models/mine
"""


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """Options of a training, in the order of the command line that the manifest records."""

    files: o.Files
    symbol: o.Symbol = None
    zone: o.Zone = None
    utc_offset: o.UtcOffset = None
    from_row: o.FromRow = None
    to_row: o.ToRow = None
    crossed: o.CrossedQuotes = DEFAULT_CROSSED
    horizon: Annotated[int, typer.Option("--horizon", metavar="N", help="Prediction horizon in ticks.")] = (
        DEFAULT_HORIZON_TICKS
    )
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="P",
            help="Lowest predicted probability that makes a signal.",
            show_default="chosen on the validation part",
        ),
    ] = None
    depth: Annotated[int, typer.Option("--depth", metavar="N", help="Depth of the trees.")] = DEFAULT_DEPTH
    rounds: Annotated[int, typer.Option("--rounds", metavar="N", help="Maximum number of boosting rounds.")] = (
        DEFAULT_ROUNDS_MAX
    )
    seed: Annotated[int, o.SEED] = 0
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="A remark for the manifest.")] = ""
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the model.")]

    def check(self) -> None:
        """Refuse options that are out of range.

        Raises:
            StartError: an option is out of range; the text has its value and the range.
        """
        check_rows(self.from_row, self.to_row)
        for name, value, most in (
            ("--horizon", self.horizon, HORIZON_MAX),
            ("--depth", self.depth, DEPTH_MAX),
            ("--rounds", self.rounds, ROUNDS_MAX),
        ):
            if not 1 <= value <= most:
                raise StartError(f"{name} is {value}, expected 1 to {most}")
        if self.threshold is not None and not 0 < self.threshold <= 1:
            raise StartError(f"--threshold is {self.threshold}, expected a probability above 0 and at most 1")
        check_seed(self.seed, most=SEED_MAX)

    def command(self) -> str:
        """The command line that trains this model, without options that have their defaults."""
        arguments = ["train", *self.files, *option_arguments(self, without=("out",)), "--out", self.out.as_posix()]
        return shlex.join(["paperdesk", *arguments])


@app.command(epilog=EXAMPLES)
@with_option_groups
def train(options: TrainOptions, force: o.Force = False, as_json: o.AsJson = False) -> int:
    """Train a model, and report whether it profits after costs on ticks that were held out of the training.

    The same ticks, options and libraries give the same files, byte for byte.

    Raises:
        StartError: an option is out of range, the ticks cannot be read, or the folder cannot be used.
    """
    named = parse_tick_files(options.files, options.symbol)
    clock = clock_option(options.zone, options.utc_offset)
    symbols = list(dict.fromkeys(file.symbol for file in named))
    if len(symbols) > 1:
        raise StartError(
            f"ticks of {', '.join(symbols)}, expected one symbol: a model is trained on the ticks of one symbol"
        )
    options.check()
    _check_out(options.out, force=force)
    from research.training.train import TrainSpec, write_model  # takes 0.6 s to load, and help does not need it
    from research.training.train import train as train_model

    spec = TrainSpec(
        inputs=tuple(TickInput(file.path, file.symbol, clock) for file in named),
        symbol=symbols[0],
        from_row=options.from_row,
        to_row=options.to_row,
        crossed=options.crossed,
        horizon_ticks=options.horizon,
        depth=options.depth,
        rounds_max=options.rounds,
        threshold=options.threshold,
        seed=options.seed,
        note=options.note,
        command=options.command(),
    )
    stream, rounds = show_remarks(spec.load()), options.rounds
    with progress_line("train") as show:

        def update(done: int) -> None:
            show(Progress(done=done, total=rounds, facts=(f"{done} of at most {rounds} rounds",)))

        trained = train_model(spec, stream, update)
    write_model(trained, options.out)
    if as_json:
        print_json(msgspec.to_builtins(trained.manifest))
    else:
        _show(trained.manifest, options.out, len(trained.model))
    return 0


def _check_out(out: Path, *, force: bool) -> None:
    """Refuse a folder that has other files than a model's, and without `force` a folder that has a model."""
    if out.exists() and not out.is_dir():
        raise StartError(f"--out {out} is a file, expected a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / "manifest.json").is_file():
        raise StartError(f"--out {out} has files but no model, expected a new folder or the folder of a model")
    if (out / "manifest.json").is_file() and not force:
        raise StartError(f"--out {out} has a model, expected a new folder, or --force to replace it")


def _show(manifest: Manifest, out: Path, size: int) -> None:
    from research.training.edge import Edge, edge_summary  # imports numba, which is slow to load

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
            "log loss, held out": f"{held_out['log_loss']:.4f}; "
            f"{held_out['log_loss_of_base_rates']:.4f} if the base rates are predicted",
            "calibration error": f"{held_out['calibration_error']:.4f}",
            "threshold": f"{manifest.thresholds.buy:g}, chosen by the {manifest.metrics['threshold_chosen_by']}",
            "signals, held out": f"{held_out['signal_part']:.1%} of the ticks, "
            f"{held_out['signals_right_part']:.1%} right; true shares: sell {held_out['share_sell']:.1%}, "
            f"hold {held_out['share_hold']:.1%}, buy {held_out['share_buy']:.1%}",
            "trades, held out": f"{edge.trades:,}, {edge.won_part:.1%} won",
            "bp a trade": f"{edge.gross_bp:+.3f} before costs, {edge.cost_bp:.3f} costs, {edge.net_bp:+.3f} after",
        }
    )
    print(edge_summary(edge))
