"""Coverage-guided fuzzing of what reads bytes from outside: `python -m benchmarks.fuzz`, or `make fuzz`.

A target is a module in `targets/` with two functions: `seeds()`, inputs that are as they should be, and `check(data)`,
which raises for what must not happen, whatever the bytes are. The tests call the same functions on a few mutations.
"""
