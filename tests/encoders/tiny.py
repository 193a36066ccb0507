"""Tiny encoders with random weights, as folders in the form in which the real ones are published."""

import json

import numpy as np
import tensorflow as tf
from safetensors.numpy import save_file

HIDDEN, HEADS, INNER, LAYERS, POSITIONS = 8, 2, 12, 2, 16
WORDS = "an ##a ana lives in li ##ma oslo munchen . , rain ##s ##y x ##x 東 京 ß /"
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS.split()]
MPNET = ["<s>", "<pad>", "</s>", "<unk>", *WORDS.split(), "[UNK]", "<mask>"]
UNITS, CHARACTERS = 5, 'abdeilmnorsvxAOL ."\n'


def bert(folder, seed=1, **tokenizer):
    """A folder of BERT; `tokenizer` changes its `tokenizer_config.json`."""
    config = {"model_type": "bert", "layer_norm_eps": 1e-12, "max_position_embeddings": POSITIONS}
    tensors = _tensors(seed, len(BERT), POSITIONS)
    tensors["embeddings.token_type_embeddings.weight"] = _random(seed + 1, 2, HIDDEN)
    names = {"query": "self.query", "key": "self.key", "value": "self.value", "output": "output.dense"}
    norm = "attention.output.LayerNorm"
    return _transformer(folder, config, BERT, tensors, names, norm, {"do_lower_case": True, **tokenizer})


def mpnet(folder, seed=2, **tokenizer):
    """A folder of MPNet."""
    config = {"model_type": "mpnet", "layer_norm_eps": 1e-5, "max_position_embeddings": POSITIONS + 2}
    config |= {"pad_token_id": 1, "relative_attention_num_buckets": 8}
    tensors = _tensors(seed, len(MPNET), POSITIONS + 2)
    tensors["encoder.relative_attention_bias.weight"] = _random(seed + 1, 8, HEADS)
    names = {"query": "attn.q", "key": "attn.k", "value": "attn.v", "output": "attn.o"}
    settings = {"do_lower_case": True, "cls_token": "<s>", "sep_token": "</s>", **tokenizer}
    return _transformer(folder, config, MPNET, tensors, names, "attention.LayerNorm", settings)


def _transformer(folder, config, vocabulary, tensors, names, norm, tokenizer):
    folder.mkdir(parents=True)
    for number in range(LAYERS):
        place, seed = f"encoder.layer.{number}", 100 * number + 10
        dense = {f"attention.{name}": (HIDDEN, HIDDEN) for name in names.values()}
        dense |= {"intermediate.dense": (INNER, HIDDEN), "output.dense": (HIDDEN, INNER)}
        for count, (name, shape) in enumerate(dense.items()):
            tensors[f"{place}.{name}.weight"] = _random(seed + 2 * count, *shape)
            tensors[f"{place}.{name}.bias"] = _random(seed + 2 * count + 1, shape[0])
        tensors |= _norm(f"{place}.{norm}", seed + 50) | _norm(f"{place}.output.LayerNorm", seed + 60)
    config |= {"num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "hidden_size": HIDDEN, "hidden_act": "gelu"}
    config |= {"intermediate_size": INNER, "vocab_size": len(vocabulary)}
    write_json(folder / "config.json", config)
    write_json(folder / "tokenizer_config.json", tokenizer)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    (folder / "README.md").write_text("---\nlanguage: en\nlicense: cc0-1.0\n---\n# Tiny\n", encoding="utf-8")
    save_file(tensors, folder / "model.safetensors")
    return folder


def _tensors(seed, pieces, positions):
    return {
        "embeddings.word_embeddings.weight": _random(seed, pieces, HIDDEN),
        "embeddings.position_embeddings.weight": _random(seed + 2, positions, HIDDEN),
        **_norm("embeddings.LayerNorm", seed + 3),
    }


def _norm(name, seed):
    return {f"{name}.weight": 1 + _random(seed, HIDDEN) / 4, f"{name}.bias": _random(seed + 1, HIDDEN)}


def _random(seed, *shape):
    # Large enough that each part is seen in the answers, small enough that no softmax is saturated.
    return np.random.default_rng(seed).normal(0, 0.5, shape).astype(np.float32)


def flair(folder, seed=3):
    """A folder of Flair's two character models."""
    folder.mkdir(parents=True)
    write_json(folder / "char2id.json", {"<unk>": 0, **{c: n for n, c in enumerate(CHARACTERS, 1)}})
    tensors = {}
    for number, direction in enumerate(("forward", "backward")):
        place = seed + 10 * number
        tensors[f"{direction}/encoder.weight"] = _random(place, len(CHARACTERS) + 1, 4)
        tensors[f"{direction}/rnn.weight_ih_l0"] = _random(place + 1, 4 * UNITS, 4)
        tensors[f"{direction}/rnn.weight_hh_l0"] = _random(place + 2, 4 * UNITS, UNITS)
        tensors[f"{direction}/rnn.bias_ih_l0"] = _random(place + 3, 4 * UNITS)
        tensors[f"{direction}/rnn.bias_hh_l0"] = _random(place + 4, 4 * UNITS)
    np.savez(folder / "lm.npz", **tensors)
    return folder


def elmo(folder, size=3):
    """A module as ELMo's is on TensorFlow Hub: of the format of TensorFlow 1, a table of words in its assets.

    A word's vector comes from a table; the first layer adds up those to its left, the second those to its right too.
    Values at padding are not 0, as in the real one.
    """
    v1 = tf.compat.v1
    folder.parent.mkdir(parents=True, exist_ok=True)
    words = folder.parent / "words.txt"
    words.write_text("Ana\nlives\nin\nOslo\n", encoding="utf-8")
    with v1.Graph().as_default() as graph, v1.Session() as session:
        file = tf.constant(str(words))
        v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, file)
        keys = tf.lookup.TextFileInitializer(
            file, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        table = tf.lookup.StaticHashTable(keys, 4)
        weights = v1.get_variable("weights", initializer=_random(9, 5, size), use_resource=True)
        tokens = v1.placeholder(tf.string, [None, None], "tokens")
        lengths = v1.placeholder(tf.int32, [None], "sequence_len")
        there = tf.cast(tf.sequence_mask(lengths, tf.shape(tokens)[1]), tf.float32)[:, :, None]
        vectors = tf.gather(weights, table.lookup(tokens))
        left = tf.cumsum(vectors * there, axis=1)
        both = left + tf.cumsum(vectors * there, axis=1, reverse=True)
        first, second = tf.concat([vectors, left], -1), tf.concat([left, both], -1)
        outputs = {"word_emb": vectors, "lstm_outputs1": first, "lstm_outputs2": second, "elmo": first + second}
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        signature = v1.saved_model.signature_def_utils.predict_signature_def(
            {"tokens": tokens, "sequence_len": lengths}, outputs
        )
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            [],
            {"tokens": signature},
            assets_collection=graph.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
            main_op=v1.tables_initializer(),
        )
        builder.save()
    # What tells the loader the format: a message with its version, 3.
    (folder / "tfhub_module.pb").write_bytes(b"\x08\x03")
    return folder


def write_json(path, value):
    path.write_text(json.dumps(value), encoding="utf-8")


def change_json(path, **changes):
    """Replace fields of a JSON file; None takes one out."""
    values = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    write_json(path, {name: value for name, value in values.items() if value is not None})
