"""The courier: decides which calls are sent to the gateway and when, and watches whether it answers."""
