"""A kernel that says whether it is compiled."""

# pythran export total(float64[:])


def total(x):
    """Sum n numbers."""
    result = 0.0
    for value in x:
        result += value
    return result
