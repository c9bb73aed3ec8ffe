"""Where private keys rest."""
