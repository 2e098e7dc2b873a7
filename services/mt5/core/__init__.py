"""The gateway's decisions: tick source, simulated broker, journal rules and requests, composed alike live and offline."""
