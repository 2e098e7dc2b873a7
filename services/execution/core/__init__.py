"""The courier decides when each call is sent to the gateway, and detects a gateway that does not answer."""
