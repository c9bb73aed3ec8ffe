"""The information governance officers' web console: metadata only, so the hub may serve it."""
