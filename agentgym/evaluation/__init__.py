"""How good a policy is: reports, intervals, suites, judges, and tasks worth training on."""
