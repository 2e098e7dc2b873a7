"""In-sample check of a run: whether the model was trained or tuned on the symbol and the time of the run's ticks.

The manifest of a model has the symbol and the times of its training, validation and held-out parts. Results over ticks
that the model was fitted to do not show that it can predict, so this check is printed before the results. Single
rows are not compared: other ticks of the same symbol and time count as in sample, because they are of the same market.
"""

from __future__ import annotations

from typing import Any, Final

from marketdata.instruments import find_instrument
from proto.time import utc_text
from research.run_spec import RunSpec
from services.signal.model.manifest import Manifest
from services.signal.strategy_loader import MODEL_STRATEGIES, parse_strategies

IN_SAMPLE: Final = "in"
OUT_OF_SAMPLE: Final = "out"
UNKNOWN: Final = "unknown"

LEARNED_FROM: Final = {"training": "trained", "validation": "tuned"}
"""Parts of the data to which the model was fitted, each with the verb for the text. The held-out part is not here."""


def model_data(spec: RunSpec, *, data_sha256: str, first_ns: int, last_ns: int) -> dict[str, Any] | None:
    """The field `model_data` of a run's report; None for a run without a model.

    Args:
        spec: the run.
        data_sha256: hash of the run's ticks.
        first_ns: time of the first tick, UTC.
        last_ns: time of the last tick, UTC.

    Returns:
        `sample` is `in`, `out` or `unknown`. `overlap` has the range of time that the run shares with the training and
        with the validation part, by part. A part without a shared range has no entry. `overlap` is empty unless the
        run's ticks are those of the manifest, or the model trades the manifest's symbol in the run. `text` explains the
        result in one line.
    """
    manifest = spec.model_manifest()
    if manifest is None:
        return None
    training = manifest.training
    known = {name: part for name in LEARNED_FROM if (part := training.parts.get(name)) is not None and part.last_ns}
    overlap: dict[str, list[str]] = {}
    if data_sha256 == training.data_sha256 or _trades_training_market(spec, manifest):
        for name, part in known.items():
            if first_ns <= part.last_ns and part.first_ns <= last_ns:
                overlap[name] = [utc_text(max(first_ns, part.first_ns)), utc_text(min(last_ns, part.last_ns))]
    if overlap:
        fitted_on = " and ".join(f"{LEARNED_FROM[name]} on, {start} to {end}" for name, (start, end) in overlap.items())
        which = (
            "are ticks"
            if data_sha256 == training.data_sha256
            else f"are of the symbol, {training.symbol}, and the time"
        )
        text = (
            f"IN SAMPLE: ticks of this run {which} that the model was {fitted_on}: the results are no test of the model"
        )
        return {"sample": IN_SAMPLE, "overlap": overlap, "text": text}
    if len(known) < len(LEARNED_FROM):
        missing = " or ".join(LEARNED_FROM[name] for name in LEARNED_FROM if name not in known)
        text = f"UNKNOWN whether in sample: the manifest lacks the times of the ticks on which the model was {missing}"
        return {"sample": UNKNOWN, "overlap": {}, "text": text}
    text = f"out of sample: the model was trained and tuned on other times or another symbol, {training.symbol}"
    return {"sample": OUT_OF_SAMPLE, "overlap": {}, "text": text}


def _trades_training_market(spec: RunSpec, manifest: Manifest) -> bool:
    """Whether a symbol that the model trades is the symbol of its training; brokers' suffixes are ignored."""
    names = parse_strategies(spec.strategy, spec.symbols)
    markets = {_market(symbol) for symbol, name in names.items() if name in MODEL_STRATEGIES}
    return _market(manifest.training.symbol) in markets


def _market(symbol: str) -> str:
    terms = find_instrument(symbol)
    return symbol if terms is None else terms.base_currency + terms.profit_currency
