"""The offline verifier: checks a file that ``nrm-hub log export`` wrote, without a hub, a database or a network.

The form of the file and what is checked is docs/protocol.md section 14. It rests on ``keys`` and ``policies`` alone.
"""
