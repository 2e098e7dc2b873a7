"""The courier: which calls are sent to the gateway and when, and whether the gateway answers."""
