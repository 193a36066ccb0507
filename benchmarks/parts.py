"""Time of each part of a prediction, run as its own graph."""

from __future__ import annotations

import time

PARTS = (
    "words and characters",
    "token embeddings",
    "entity network",
    "best tags",
    "scores of entities",
    "relation network",
    "scores of pairs",
    "relations",
)


def milliseconds(extractor, tokens, rounds, calls=20):
    """Milliseconds of each part of `Extractor.from_tokens`, and of the whole, `all`: dict of name to float.

    The parts add up to more than the whole: each returns its results to Python and uses the processors less evenly.

    Args:
        extractor: `Extractor` of a network with relation types.
        tokens: string tensor `(batch, tokens)`.
        rounds: int. Number of rounds; the fastest counts.
        calls: int. Calls in a round.
    """
    found = {}
    for name, call in _calls(extractor, tokens).items():
        call(), call()
        best = float("inf")
        for _ in range(rounds):
            start = time.perf_counter()
            for _ in range(calls):
                call()
            best = min(best, time.perf_counter() - start)
        found[name] = 1000 * best / calls
    return found


def _calls(extractor, tokens):
    """A function without arguments for each part, on the results of the parts before it: dict by name."""
    import tensorflow as tf

    from cman_tf.model.decoding import decode_entities, decode_relations, entity_scores, last_tokens

    model, calls = extractor.model, {}

    def part(name, function, *arguments):
        graph = tf.function(function, autograph=False)
        calls[name] = lambda: graph(*arguments)
        return graph(*arguments)

    names = model.token_embedding.input_names
    features = part(PARTS[0], extractor.features, tokens)
    lengths = features["lengths"]
    embeddings = part(PARTS[1], model.token_embedding, {name: features[name] for name in names})
    found = part(PARTS[2], model.entity_network, {"embeddings": embeddings, "lengths": lengths})
    tags = part(PARTS[3], model.crf.decode, found["emissions"], lengths)
    entities = decode_entities(tags, lengths)
    part(PARTS[4], lambda *x: entity_scores(model.crf, *x), found["emissions"], tags, entities, lengths)
    vectors = part(PARTS[5], model.relation_tokens, {"tokens": found["tokens"], "tags": tags, "lengths": lengths})
    count = tf.reduce_sum(tf.cast(entities["entity_mask"], tf.int32), axis=1)
    scores = part(PARTS[6], model.score_pairs, vectors, last_tokens(entities), count)
    part(PARTS[7], lambda *x: decode_relations(*x, 0.5, extractor.constraints), scores, entities)
    part("all", extractor.from_tokens, tokens)
    return calls
