"""Speed and memory, as ratios to a baseline taken in the same run. `make bench` prints the table."""
