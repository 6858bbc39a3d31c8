"""Credit: the advantages of steps or tokens. Pure functions of plain columns, in float64."""
