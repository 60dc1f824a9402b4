"""How the arena-tiny weights are made: recipe, data, training, export and evaluation.

Needs torch, tokenizers and gguf (`make train` installs them into a virtual environment of its own); serving needs none
of them.
"""
