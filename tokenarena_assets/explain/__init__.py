"""From a published cell to its formula, its inputs and the raw probes that it rests on."""
