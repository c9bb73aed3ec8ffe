"""The commands of ``nrm-adapter``: each does by hand what the workspace does on a page. I/O only."""
