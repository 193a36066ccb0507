"""Splits raw text into tokens with offsets, in TensorFlow operations, so that an exported model does the same."""

from __future__ import annotations

import tensorflow as tf

_BORDER = "\x01"
_BLANK = r"[\s\p{Z}\p{C}]"
# Letters, marks, digits, and the joiners inside words of several scripts.
_WORD = r"[\p{L}\p{M}\p{N}_\x{200C}\x{200D}]"
_ABBREVIATIONS = (
    "Mr Mrs Ms Dr Prof Gen Col Maj Capt Lt Sgt Adm Gov Sen Sens Rep Reps Rev Hon Pres Jr Sr St Mt Ft Inc Corp Co Ltd "
    "Bros No vs Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Ala Ariz Ark Calif Colo Conn Del Fla Ga Ill Ind Kan "
    "Ky La Md Mass Mich Minn Miss Mo Mont Neb Nev Okla Ore Pa Tenn Tex Va Vt Wash Wis Wyo"
).split()
_TOKEN = "|".join(
    [
        r"(?:\p{L}\.){2,}",  # U.S.
        rf"(?:{'|'.join(_ABBREVIATIONS)})\.",
        r"\p{Lu}\.",  # initials
        r"[ODLdl]['’]\p{Lu}\p{L}+(?:-\p{L}+)*",  # O'Brien
        rf"\$?(?:\d+(?:\.\d+)+|{_WORD}+)(?:[-/&]{_WORD}+)*",  # self-propelled, $62.50
        r"['’](?:s|S|t|re|ve|ll|d|m)\b",  # the city 's mayor
        r"-{2,}|\.{2,}",
        r"[^\s\p{Z}\p{C}]",  # any other visible character by itself
    ]
)


def tokenize(text: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
    """Split sentences as in CoNLL04: punctuation is separate, hyphenated words and abbreviations are whole.

    Args:
        text: string `(batch,)`, UTF-8. Invalid bytes become U+FFFD; control characters separate tokens.

    Returns:
        `(tokens, starts, ends)`, ragged `(batch, tokens)`: the tokens, and their Unicode code points in the text, end
        exclusive, as Python counts.
    """
    text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace", replace_control_characters=False)
    text = tf.strings.regex_replace(text, _BORDER, " ")
    # Borders are added around every token and nothing is removed, so the lengths of the pieces give the offsets.
    pieces = tf.strings.split(tf.strings.regex_replace(text, f"({_TOKEN})", rf"{_BORDER}\1{_BORDER}"), _BORDER)
    lengths = tf.ragged.map_flat_values(tf.strings.length, pieces, unit="UTF8_CHAR")
    ends = pieces.with_flat_values(tf.cumsum(lengths.flat_values))
    before = tf.concat([[0], tf.cumsum(tf.reduce_sum(lengths, axis=1))], axis=0)[:-1]
    ends -= before[:, None]
    starts = ends - lengths
    keep = tf.logical_not(tf.ragged.map_flat_values(tf.strings.regex_full_match, pieces, f"{_BLANK}*"))
    return tuple(tf.ragged.boolean_mask(values, keep) for values in (pieces, starts, ends))
