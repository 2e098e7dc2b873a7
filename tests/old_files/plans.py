"""Plans and limits of the desks that `make.py` makes, with many features, so that many kinds of data are stored."""

from __future__ import annotations

from typing import Final

REPLAY_PLAN: Final = """\
[sizing]
method = "kelly"
payoff = 2.5
volume_max = 0.5

[exits]
stop_loss_points = 40
take_profit_points = 60
trailing_stop_points = 20
trailing_step_points = 2
time_exit_s = 60

[entry]
time_in_force = "IOC"
deviation_points = 10

[strategies.resting]
symbols = ["GBPUSD"]
volume_max = 1
daily_loss_pct_max = 1
sizing = { method = "volatility", volatility_pct_per_day = 2, volatility_half_life_min = 2, volume_max = 0.5 }
exits = { stop_loss_points = 50, trailing_stop_points = 25, time_exit_s = 45 }
entry = { type = "LIMIT", offset_points = 12, lifetime_s = 30 }
"""
REPLAY_LIMITS: Final = """\
position_legs_max = 2
orders_per_minute_max = 8
orders_per_second_max = "none"
repeated_orders_max = "none"
breaker_losses = 4
breaker_cooldown_s = 20
"""

ENDED_PLAN: Final = """\
[exits]
stop_loss_points = 60
take_profit_points = 60
time_exit_s = 60
"""

LIVE_PLAN: Final = """\
[sizing]
method = "fraction"
risk_pct = 0.2
volume_max = 0.2

[exits]
stop_loss_points = 60
take_profit_points = 60
trailing_stop_points = 25
trailing_step_points = 5
time_exit_s = 4

[entry]
time_in_force = "IOC"
deviation_points = 20

[strategies.trend]
symbols = ["NZDUSD"]
volume_max = 1
"""
LIVE_LIMITS: Final = """\
foreign_orders = "adopt"
orders_per_second_max = "none"
repeated_orders_max = "none"
price_collar_fx_pct_max = 20
breaker_losses = "none"
"""
