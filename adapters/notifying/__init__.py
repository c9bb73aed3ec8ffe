"""Telling people of this agency that they have something to do here: never what, of whom, how much or how urgent."""
