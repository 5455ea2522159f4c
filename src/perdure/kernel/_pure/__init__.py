"""Pure-Python twins of the compiled kernel modules, with the same names and answers."""
