"""The adapter's own database: its tables, how it is opened, what is asked of it."""
