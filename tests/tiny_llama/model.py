"""Writes the model: a llama of two layers whose words are bytes and whose weights are dice."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

WIDTH, HIDDEN, LAYERS, HEADS = 64, 128, 2, 4
SPECIAL = ("<|bos|>", "<|eos|>", "<|im_start|>", "<|im_end|>")
NEVER = -60.0
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_model(path: Path, context: int = 8_192, seed: int = 7) -> None:
    """Write the GGUF file. A grammar turns what this model says into JSON that fits a schema."""
    writer = gguf.GGUFWriter(path, "llama")
    _describe(writer, context)
    tokens = [*(_printable(byte) for byte in range(256)), *SPECIAL]
    tokens += [f"<|unused{number}|>" for number in range(-len(tokens) % 32)]
    _add_vocabulary(writer, tokens)
    _add_weights(writer, len(tokens), np.random.default_rng(seed))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: gguf.GGUFWriter, context: int) -> None:
    writer.add_name("tiny-random")
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_chat_template(TEMPLATE)


def _add_vocabulary(writer: gguf.GGUFWriter, tokens: list[str]) -> None:
    kinds = [gguf.TokenType.NORMAL] * 256 + [gguf.TokenType.CONTROL] * len(SPECIAL)
    kinds += [gguf.TokenType.UNUSED] * (len(tokens) - len(kinds))
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([f"{_printable(32)} t"])
    writer.add_bos_token_id(256)
    writer.add_pad_token_id(257)
    writer.add_eos_token_id(259)
    writer.add_add_bos_token(False)


def _add_weights(writer: gguf.GGUFWriter, words: int, dice: np.random.Generator) -> None:
    """Column 0 of the stream is a constant that no layer writes, so the head's column 0 is a bias."""

    def throw(rows: int, columns: int, scale: float = 0.08) -> Matrix:
        return (dice.standard_normal((rows, columns)) * scale).astype(np.float32)

    def into_stream(matrix: Matrix) -> Matrix:
        matrix[0, :] = 0.0
        return matrix

    embedding = throw(words, WIDTH, 1.0)
    embedding[:, 0] = 4.0
    writer.add_tensor("token_embd.weight", embedding)
    for layer in range(LAYERS):
        name = f"blk.{layer}."
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{name}{norm}.weight", np.ones(WIDTH, np.float32))
        for part in ("attn_q", "attn_k", "attn_v"):
            writer.add_tensor(f"{name}{part}.weight", throw(WIDTH, WIDTH))
        writer.add_tensor(f"{name}attn_output.weight", into_stream(throw(WIDTH, WIDTH)))
        for part in ("ffn_gate", "ffn_up"):
            writer.add_tensor(f"{name}{part}.weight", throw(HIDDEN, WIDTH))
        writer.add_tensor(f"{name}ffn_down.weight", into_stream(throw(WIDTH, HIDDEN)))
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    writer.add_tensor("output.weight", _head(throw(words, WIDTH, 0.15)))


def _head(head: Matrix) -> Matrix:
    """Favour letters and closing marks; forbid control bytes, broken UTF-8, fences and unused words."""
    head[:, 0] = NEVER
    for byte in range(32, 127):
        head[byte, 0] = NEVER if chr(byte) in "`<" else 0.0
    for byte in b"abcdefghilmnoprstu ":
        head[byte, 0] = 0.5
    for byte in b'"]}':
        head[byte, 0] = 0.6
    head[259, 0] = 0.3
    return head


def _printable(byte: int) -> str:
    """The character that stands for a byte in a byte-level vocabulary: itself, or one past 255."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    if byte in plain:
        return chr(byte)
    return chr(256 + [other for other in range(256) if other not in plain].index(byte))
