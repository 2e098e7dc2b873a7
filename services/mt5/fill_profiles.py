"""Fill profiles by name or from a TOML file.

The values in a file replace those of a named profile (`like`, by default realistic). The value "none" removes a model,
such as the slippage, from the profile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

from common.errors import StartError
from common.struct_files import FieldError, read_struct
from common.toml_files import read_toml
from services.mt5.core.simulated.fill_model import PROFILES, REALISTIC, FillProfile, Slippage, SlippageByType

LIKE: Final = "like"
NOTHING: Final = "none"
_EXAMPLE: Final = "settings such as charges = false, or a section such as [depth]"


def load_fill_profile(name: str) -> FillProfile:
    """A fill profile by name, or from a TOML file.

    A profile from a file is named after its `like` and a hash of the resulting settings. If these equal the settings
    of `like`, the result is the profile `like` itself.

    Raises:
        StartError: the file is missing, or has an unknown key or a value out of range.
    """
    if name in PROFILES:
        return PROFILES[name]
    path = Path(name)
    expected = f"{', '.join(PROFILES)} or a TOML file"
    changes = read_toml(path, setting="MT5_FILLS", value=name, expected=expected, example=f"expected {_EXAMPLE}")
    like = changes.pop(LIKE, REALISTIC.name)
    if like not in PROFILES:
        raise StartError(f"MT5_FILLS: {path}: {LIKE} is {like!r}, expected {' or '.join(PROFILES)}")
    if "name" in changes:
        raise StartError(
            f"MT5_FILLS: {path}: name is {changes['name']!r}, expected no name, because the settings give the name"
        )
    base = msgspec.to_builtins(PROFILES[like])
    defaults = msgspec.to_builtins(FillProfile(name=like))
    merged = {**base, **{key: defaults.get(key) if value == NOTHING else value for key, value in changes.items()}}
    if isinstance(merged["slippage"], dict):
        merged["slippage"] = _slippage_by_type(merged["slippage"], base=base["slippage"] or {})
    try:
        profile = read_struct(_exact(merged), FillProfile, example=_EXAMPLE)
    except FieldError as error:
        raise StartError(f"MT5_FILLS: {path}: {error}") from None
    text = msgspec.json.encode(msgspec.structs.replace(profile, name=like))
    if profile == PROFILES[like]:
        return profile
    return msgspec.structs.replace(profile, name=f"{like}-{hashlib.sha256(text).hexdigest()[:16]}")


def _slippage_by_type(changes: dict[str, object], *, base: Mapping[str, object]) -> dict[str, object]:
    """Slippage by order type.

    A table without order types applies to all of them. A table by order type changes only its order types. The others
    have the slippage of `base`.
    """
    if changes.keys() & {*Slippage.__struct_fields__}:
        return dict.fromkeys(SlippageByType.__struct_fields__, changes)
    return {**base, **{key: None if value == NOTHING else value for key, value in changes.items()}}


def _exact(merged: dict[str, object]) -> dict[str, object]:
    """The settings, with the margin levels and the rollover factor as decimals."""
    found = dict(merged)
    for key in ("margin_call_level_pct", "stop_out_level_pct"):
        found[key] = _decimal(found.get(key))
    rollover = found.get("rollover")
    if isinstance(rollover, dict) and "factor" in rollover:
        found["rollover"] = {**rollover, "factor": _decimal(rollover["factor"])}
    return found


def _decimal(value: object) -> object:
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value
