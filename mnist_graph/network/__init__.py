"""The parts of the graph that recipes add to the tutorial's network."""
