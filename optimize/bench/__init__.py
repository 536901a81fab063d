"""How good and how fast: collections fitted into tables, rules compared, steps timed, the machine examined."""
