"""A Llama-architecture decoder in torch: RMSNorm, rotary embedding on adjacent pairs, SwiGLU, tied embedding."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tokenarena_assets.fleet.training.recipe import VOCAB_SIZE, Recipe


def _rotary_tables(recipe: Recipe, tokens: int) -> tuple[Tensor, Tensor]:
    head = recipe.width // recipe.heads
    frequencies = recipe.rope_base ** (-torch.arange(0, head, 2).float() / head)
    angles = torch.outer(torch.arange(tokens).float(), frequencies)
    return angles.cos(), angles.sin()


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2).to(x.dtype)


def _attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention; plain products in the inputs' own type, 1.3-2x faster here than torch's fused CPU kernel."""
    hidden = torch.ones(q.shape[2], q.shape[2], dtype=torch.bool).triu(1)
    with torch.autocast("cpu", enabled=False):
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        return torch.softmax(scores.masked_fill(hidden, float("-inf")), dim=-1) @ v


class Block(nn.Module):
    """One decoder layer."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        width, hidden = recipe.width, recipe.feed_forward
        self.heads = recipe.heads
        self.attn_norm = nn.RMSNorm(width, eps=recipe.rms_epsilon)
        self.attn_q = nn.Linear(width, width, bias=False)
        self.attn_k = nn.Linear(width, width, bias=False)
        self.attn_v = nn.Linear(width, width, bias=False)
        self.attn_output = nn.Linear(width, width, bias=False)
        self.ffn_norm = nn.RMSNorm(width, eps=recipe.rms_epsilon)
        self.ffn_gate = nn.Linear(width, hidden, bias=False)
        self.ffn_up = nn.Linear(width, hidden, bias=False)
        self.ffn_down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        h = self.attn_norm(x)
        shape = (batch, tokens, self.heads, width // self.heads)
        q, k, v = (layer(h).view(shape).transpose(1, 2) for layer in (self.attn_q, self.attn_k, self.attn_v))
        mixed = _attention(_rotate(q, cos, sin), _rotate(k, cos, sin), v)
        x = x + self.attn_output(mixed.transpose(1, 2).reshape(batch, tokens, width))
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Decoder(nn.Module):
    """The whole model; parameter names are those of GGUF but for the block prefix."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.token_embd = nn.Embedding(VOCAB_SIZE, recipe.width)
        self.blk = nn.ModuleList(Block(recipe) for _ in range(recipe.layers))
        self.output_norm = nn.RMSNorm(recipe.width, eps=recipe.rms_epsilon)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                deep = name.endswith(("attn_output.weight", "ffn_down.weight"))
                nn.init.normal_(parameter, std=0.02 / (2 * recipe.layers) ** 0.5 if deep else 0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        """Hidden states of shape (batch, tokens, width) for token ids of shape (batch, tokens)."""
        cos, sin = _rotary_tables(self.recipe, tokens.shape[1])
        x = self.token_embd(tokens)
        for block in self.blk:
            x = block(x, cos, sin)
        return self.output_norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores over the vocabulary; the embedding is tied."""
        return hidden @ self.token_embd.weight.T
