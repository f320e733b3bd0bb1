"""Load averages over 1, 5 and 15 minutes."""

import os


def collect(host):
    for name, value in zip(("load1", "load5", "load15"), os.getloadavg()):
        yield name, {}, round(value, 2)
