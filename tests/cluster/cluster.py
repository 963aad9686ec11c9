#!/usr/bin/env python3
"""Cluster tests with real processes.

    cluster.py NAME SERVER CLI
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bad_input  # noqa: E402
import operations  # noqa: E402
from harness import main  # noqa: E402

if __name__ == '__main__':
    main({**operations.TESTS, **bad_input.TESTS})
