"""How does it touch the world? Runs inside an agency: the only place where plaintext exists."""
