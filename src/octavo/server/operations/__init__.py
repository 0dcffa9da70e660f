"""What keeps a service running and its operator informed: limits, keys, health, metrics, logs."""
