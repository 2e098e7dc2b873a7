"""Tests of what runs offline: backtests, reports and exports."""
