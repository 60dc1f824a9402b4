"""What the five fidelity suites ask: parity, sampled, greedy, border and logprobs."""
