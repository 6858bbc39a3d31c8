"""Credit: who gets how much of the praise. Pure functions of plain columns, in float64."""
