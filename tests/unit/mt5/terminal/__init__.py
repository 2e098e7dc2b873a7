"""Tests of the gateway's terminal adapter with a scripted fake of the MetaTrader5 package."""
