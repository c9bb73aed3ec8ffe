"""Who is calling: OAuth 2.0 client credentials, proof of possession, one rule for every route."""
