"""From an agency's own export to draft fragments: one module per agency kind. Reading releases nothing."""
