"""The append-only log: entries, Merkle tree, checkpoints, proofs, cosignatures, and the check of the whole."""
