"""The hub's use cases. Each is one transaction: act, decision with reasons and log entry, or nothing."""
