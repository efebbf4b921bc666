"""Random inputs in any number, and what has to hold for each of them."""
