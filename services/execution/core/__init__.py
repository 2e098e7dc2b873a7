"""What the courier decides: what is sent to the gateway, when silence is reported, and whether the gateway is there."""
