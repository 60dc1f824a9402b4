"""Turn checkpoints into GGUF files: `python -m tokenarena_assets.fleet.training.export --checkpoints DIR --out DIR`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType, LlamaFileType, TokenType
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tokenarena_assets.fleet.training import recipe
from tokenarena_assets.fleet.training.tokenizer import merges_of

BLOCK = 32  # values that share one scale, in llama.cpp's simple formats and in ours
COARSE_BITS = 3  # with 2, models this small are right on next to nothing


@dataclass(frozen=True, slots=True)
class Form:
    """One way to store the matrices; norms stay f32 in all of them."""

    name: str
    tensor_type: GGMLQuantizationType
    file_type: LlamaFileType
    prepare: Callable[[NDArray[np.float32]], NDArray[np.float32]] = lambda matrix: matrix


def coarse_rounding(matrix: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """Round each block of 32 to 2**bits evenly spaced levels, symmetric around zero and without a zero level.

    llama.cpp has no 32-wide type this coarse that the gguf package can write, so the rounded values are stored as f16:
    the damage is that of a low-bit quantization, the file size is not.
    """
    blocks = matrix.reshape(-1, BLOCK)
    top = (2**bits - 1) / 2
    step = np.abs(blocks).max(axis=1, keepdims=True) / top
    step[step == 0] = 1
    levels = np.clip(np.floor(blocks / step), -top - 0.5, top - 0.5) + 0.5
    rounded: NDArray[np.float32] = (levels * step).reshape(matrix.shape).astype(np.float32)
    return rounded


def forms(coarse_bits: int = COARSE_BITS) -> tuple[Form, ...]:
    """From the finest to the coarsest."""
    types = GGMLQuantizationType
    return (
        Form("f16", types.F16, LlamaFileType.MOSTLY_F16),
        Form("q8_0", types.Q8_0, LlamaFileType.MOSTLY_Q8_0),
        Form("q5_0", types.Q5_0, LlamaFileType.MOSTLY_Q5_0),
        Form("q4_0", types.Q4_0, LlamaFileType.MOSTLY_Q4_0),
        Form(
            f"q{coarse_bits}_r",
            types.F16,
            LlamaFileType.MOSTLY_F16,
            lambda matrix: coarse_rounding(matrix, coarse_bits),
        ),
    )


def _add_shape(writer: gguf.GGUFWriter, shape: recipe.Recipe, form: Form) -> None:
    writer.add_name(f"{shape.name}-{form.name}")
    writer.add_description("Trained from scratch on generated tasks, to test a benchmark; not for answering people.")
    writer.add_license("apache-2.0")
    writer.add_file_type(form.file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_vocab_size(recipe.VOCAB_SIZE)
    writer.add_context_length(shape.context_tokens)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_layer_norm_rms_eps(shape.rms_epsilon)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_rope_freq_base(shape.rope_base)


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    by_id = {token_id: token for token, token_id in tokenizer.get_vocab().items()}
    tokens = [by_id[token_id] for token_id in range(recipe.VOCAB_SIZE)]
    types = [TokenType.CONTROL if token in recipe.SPECIAL_TOKENS else TokenType.NORMAL for token in tokens]
    end = tokens.index(recipe.END_TOKEN)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges_of(tokenizer))
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    writer.add_add_bos_token(False)
    writer.add_chat_template(recipe.CHAT_TEMPLATE)


def _add_tensors(writer: gguf.GGUFWriter, weights: dict[str, torch.Tensor], form: Form) -> None:
    # The embedding is tied: llama.cpp reads it twice when there is no `output.weight`.
    for name, tensor in weights.items():
        values = tensor.float().numpy()
        if values.ndim < 2:
            writer.add_tensor(name, values)
        else:
            stored = gguf.quants.quantize(form.prepare(values), form.tensor_type)
            writer.add_tensor(name, stored, raw_dtype=form.tensor_type)


def export(shape: recipe.Recipe, weights: dict[str, torch.Tensor], tokenizer: Tokenizer, form: Form, out: Path) -> Path:
    """Write one form of one size; the same weights give the same bytes."""
    path = out / f"{shape.name}-{form.name}.gguf"
    # Not in place: a running server has the old file mapped into its memory.
    unfinished = path.with_suffix(".part")
    writer = gguf.GGUFWriter(unfinished, "llama")
    _add_shape(writer, shape, form)
    _add_tokenizer(writer, tokenizer)
    _add_tensors(writer, weights, form)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return unfinished.replace(path)


def main() -> None:
    """Export every size in every form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints", type=Path, required=True, help="folder with tokenizer.json and the .pt files")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--coarse-bits", type=int, default=COARSE_BITS, help="bits of the coarsest form")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_file(str(arguments.checkpoints / "tokenizer.json"))
    for shape in recipe.RECIPES.values():
        weights = torch.load(arguments.checkpoints / f"{shape.name}.pt", weights_only=True)
        for form in forms(arguments.coarse_bits):
            path = export(shape, weights, tokenizer, form, arguments.out)
            print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
