#!/usr/bin/env bash
# Plants the faults of tools/mutations.txt one after another in a copy of the last commit and sees whether the test that
# each names notices. Ends with "N of N faults caught" and exit 0, or 1 where one survives or no longer fits the source.
# Usage: tools/mutate.sh [--list] [NAME…]      (about half an hour on two cores; the copy is kept for the next time)
exec /usr/bin/python3 "$(dirname "$0")/mutate.py" "$@"
