"""What happened? Runs at the hub; sees ciphertext and metadata, never content."""
