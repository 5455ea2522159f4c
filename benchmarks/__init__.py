"""Compares perdure with dbzero, ZODB and plain Python: `make bench`, or `python -m benchmarks --help`."""
