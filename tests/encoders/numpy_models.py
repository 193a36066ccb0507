"""BERT, MPNet and Flair in plain code: one sentence, NumPy in float64, published tensors by name."""

import math

import numpy as np

ATTENTION = {
    "bert": ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"),
    "mpnet": ("attention.attn.q", "attention.attn.k", "attention.attn.v", "attention.attn.o"),
}
ATTENTION_NORM = {"bert": "attention.output.LayerNorm", "mpnet": "attention.LayerNorm"}


def transformer(kind, tensors, ids, heads, layers, epsilon):
    """Every layer's states `(layers + 1, pieces, hidden)` for the ids of one window, its borders included."""

    def dense(inputs, name):
        return inputs @ tensors[f"{name}.weight"].T.astype(np.float64) + tensors[f"{name}.bias"]

    def norm(inputs, name):
        centred = inputs - inputs.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)
        return scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]

    count = len(ids)
    first = 2 if kind == "mpnet" else 0
    states = tensors["embeddings.word_embeddings.weight"][ids].astype(np.float64)
    states = states + tensors["embeddings.position_embeddings.weight"][first : first + count]
    if kind == "bert":
        states = states + tensors["embeddings.token_type_embeddings.weight"][0]
    states = norm(states, "embeddings.LayerNorm")
    bias = np.zeros([heads, count, count])
    if kind == "mpnet":
        table = tensors["encoder.relative_attention_bias.weight"]
        for i in range(count):
            for j in range(count):
                bias[:, i, j] = table[bucket(j - i, len(table))]
    result = [states]
    for layer in range(layers):
        place = f"encoder.layer.{layer}"
        query, key, value = (
            np.stack(np.split(dense(states, f"{place}.{name}"), heads, axis=1)) for name in ATTENTION[kind][:3]
        )
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1]) + bias
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        context = np.concatenate(list(shares / shares.sum(-1, keepdims=True) @ value), axis=1)
        inner = norm(states + dense(context, f"{place}.{ATTENTION[kind][3]}"), f"{place}.{ATTENTION_NORM[kind]}")
        outer = dense(inner, f"{place}.intermediate.dense")
        outer = outer * (1 + np.vectorize(math.erf)(outer / math.sqrt(2))) / 2
        states = norm(inner + dense(outer, f"{place}.output.dense"), f"{place}.output.LayerNorm")
        result.append(states)
    return np.stack(result)


def bucket(ahead, buckets, farthest=128):
    """The row of MPNet's table for a position that is `ahead`."""
    half = buckets // 2
    exact, distance = half // 2, abs(ahead)
    if distance >= exact:
        logarithm = math.log(distance / exact) / math.log(farthest / exact)
        distance = min(exact + int(logarithm * (half - exact)), half - 1)
    return distance + (half if ahead > 0 else 0)


def flair(tensors, characters, words, with_whitespace=False):
    """The vectors `(words, 2 * units)`, counted as Flair's library does: `"\\n"`, the text, and a blank at its end."""
    text = " ".join(words)
    forward = _lstm("forward", tensors, [characters.get(c, 0) for c in f"\n{text} "])
    backward = _lstm("backward", tensors, [characters.get(c, 0) for c in f"\n{text[::-1]} "])
    result, after, before = [], 1, len(text) + 1
    for word in words:
        after += len(word)
        places = (after, before) if with_whitespace else (after - 1, before - 1)
        result.append(np.concatenate([forward[places[0]], backward[places[1]]]))
        after += 1
        before -= 1 + len(word)
    return np.array(result)


def _lstm(direction, tensors, ids):
    """States `(characters, units)`, PyTorch's order of gates: input, forget, candidate, output."""
    get = {name.split("/")[1]: value.astype(np.float64) for name, value in tensors.items() if direction in name}
    units = get["rnn.weight_hh_l0"].shape[1]
    hidden, cell, states = np.zeros(units), np.zeros(units), []
    for id in ids:
        gates = get["rnn.weight_ih_l0"] @ get["encoder.weight"][id] + get["rnn.weight_hh_l0"] @ hidden
        i, f, g, o = np.split(gates + get["rnn.bias_ih_l0"] + get["rnn.bias_hh_l0"], 4)
        cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(g)
        hidden = _sigmoid(o) * np.tanh(cell)
        states.append(hidden)
    return np.array(states)


def _sigmoid(inputs):
    return 1 / (1 + np.exp(-inputs))
