"""HTTP: one module per resource. A view loads, calls one use case, dumps and returns."""
