"""SavedModels that load in milliseconds: one shows how it was asked, one answers in the shape of an export."""

import tensorflow as tf

TEXT = tf.TensorSpec([None], tf.string, name="text")
TOKENS = tf.TensorSpec([None, None], tf.string, name="tokens")


def rows(found):
    """An answer, dict of outputs, as one dict for each sentence, without padding and masked places."""

    def plain(values):
        values = values.tolist() if hasattr(values, "tolist") else values
        return [value.decode() if isinstance(value, bytes) else value for value in values]

    def items(row, kind, *names):
        columns = [plain(found[f"{kind}_{name}"][row]) for name in names]
        return [list(item) for keep, *item in zip(plain(found[f"{kind}_mask"][row]), *columns) if keep]

    result = []
    for row, padded in enumerate(found["tokens"]):
        tokens = [token for token in plain(padded) if token]
        offsets = zip(*(plain(found[f"token_{end}"][row])[: len(tokens)] for end in ("start", "end")))
        result.append(
            {
                "tokens": tokens,
                "offsets": [list(offset) for offset in offsets],
                "tags": plain(found["tags"][row])[: len(tokens)],
                "entities": items(row, "entity", "start", "end", "char_start", "char_end", "type", "score"),
                "relations": items(row, "relation", "head", "tail", "type", "score"),
                "overflow": {kind: int(found[f"{kind}_overflow"][row]) for kind in ("token", "entity", "relation")},
            }
        )
    return result


class Echo(tf.Module):
    """Text in; its length, itself in upper case, the model's version and the rows of the batch it was part of."""

    def __init__(self, version):
        super().__init__()
        self.version = tf.constant(version, tf.int64)

    def _rows(self, value):
        return tf.fill([tf.shape(value)[0]], tf.shape(value)[0])

    @tf.function(input_signature=[TEXT])
    def echo(self, text):
        return {
            "length": tf.strings.length(text),
            "upper": tf.strings.upper(text),
            "score": tf.fill([tf.shape(text)[0], 2], 0.2),
            "version": tf.fill([tf.shape(text)[0]], self.version),
            "rows": self._rows(text),
        }

    @tf.function(input_signature=[TOKENS])
    def tokens(self, tokens):
        filled = tf.cast(tf.not_equal(tokens, ""), tf.int32)
        return {"count": tf.reduce_sum(filled, -1), "width": tf.fill([tf.shape(tokens)[0]], tf.shape(tokens)[1])}

    @tf.function(input_signature=[TEXT])
    def slow(self, text):
        """A quarter of a second or so of one core a batch."""
        value = tf.while_loop(lambda i, _: i < 250, lambda i, x: (i + 1, tf.tanh(x @ x)), (0, tf.ones([300, 300])))[1]
        wait = tf.cast(value[0, 0] * 0, tf.int32)
        return {"rows": self._rows(text) + wait, "length": tf.strings.length(text)}

    @tf.function(input_signature=[TEXT])
    def picky(self, text):
        with tf.control_dependencies([tf.debugging.assert_none_equal(text, "bad", message="bad text")]):
            return {"upper": tf.strings.upper(text)}

    def save(self, folder):
        signatures = {
            "serving_default": self.echo,
            "tokens": self.tokens,
            "slow": self.slow,
            "picky": self.picky,
        }
        tf.saved_model.save(self, str(folder), signatures=signatures)


class Extractor(tf.Module):
    """Answers in the shape of an export: the first token is a Peop, the last a Loc, and the first lives in the last."""

    @tf.function(input_signature=[TEXT])
    def text(self, text):
        ragged = tf.strings.split(text)
        result = self._extract(ragged.to_tensor(""))
        # Blanks between tokens are single ones in these tests.
        ends = tf.cumsum(tf.strings.length(result["tokens"], unit="UTF8_CHAR") + 1, axis=1)
        result["token_start"] = ends - tf.strings.length(result["tokens"], unit="UTF8_CHAR") - 1
        result["token_end"] = ends - 1
        for end in ("start", "end"):
            last = tf.maximum(result[f"entity_{end}"] - (end == "end"), 0)
            places = tf.pad(result[f"token_{end}"], [[0, 0], [0, 1]])  # one at least, for no token at all
            result[f"entity_char_{end}"] = tf.gather(places, last, batch_dims=1)
        return result

    @tf.function(input_signature=[TOKENS])
    def tokens(self, tokens):
        return self._extract(tokens)

    def _extract(self, tokens):
        batch = tf.shape(tokens)[0]
        length = tf.reduce_sum(tf.cast(tf.not_equal(tokens, ""), tf.int32), -1)
        pair = tf.stack([tf.zeros_like(length), length - 1], -1)
        several = length > 1
        return {
            "tokens": tokens,
            "entity_start": pair,
            "entity_end": pair + 1,
            "entity_type": tf.tile([["Peop", "Loc"]], [batch, 1]),
            "entity_score": tf.tile([[0.75, 0.5]], [batch, 1]),
            "entity_mask": tf.stack([several, several], -1),
            "relation_head": tf.zeros([batch, 1], tf.int32),
            "relation_tail": tf.ones([batch, 1], tf.int32),
            "relation_type": tf.fill([batch, 1], "Live_In"),
            "relation_score": tf.fill([batch, 1], 0.25),
            "relation_mask": several[:, None],
            "token_overflow": tf.zeros([batch], tf.int32),
            "entity_overflow": tf.zeros([batch], tf.int32),
            "relation_overflow": tf.cast(length > 5, tf.int32),
        }

    def save(self, folder):
        tf.saved_model.save(self, str(folder), signatures={"serving_default": self.text, "tokens": self.tokens})
