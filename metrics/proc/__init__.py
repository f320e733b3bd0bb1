"""Readers of what Linux says in text: the files of /proc and /sys, and the words of a few programs.

Pure. Each takes a text of a host, which is hostile input, and yields raw values under the
names of the catalogue. What a text does not hold is left out; what is malformed raises
ValueError, IndexError or KeyError, and costs only its own section.
"""
