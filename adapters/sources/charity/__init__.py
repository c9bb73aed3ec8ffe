"""Readers for charities and community organisations: the Human Trafficking Case Data Standard (HTCDS) 2.0.

HTCDS is by the International Organization for Migration (IOM), CC BY 4.0. IOM does not endorse this project.
"""
