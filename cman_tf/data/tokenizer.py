"""Splits raw text into tokens with offsets, in TensorFlow operations, so that an exported model does the same.

There are two tokenizers: `unicode`, and `conll04`, with which runs without the field `words.tokenizer` were trained.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

_BORDER = "\x01"
_BLANK = r"[\s\p{Z}\p{C}]"
_ABBREVIATIONS = (
    "Mr Mrs Ms Dr Prof Gen Col Maj Capt Lt Sgt Adm Gov Sen Sens Rep Reps Rev Hon Pres Jr Sr St Mt Ft Inc Corp Co Ltd "
    "Bros No vs Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Ala Ariz Ark Calif Colo Conn Del Fla Ga Ill Ind Kan "
    "Ky La Md Mass Mich Minn Miss Mo Mont Neb Nev Okla Ore Pa Tenn Tex Va Vt Wash Wis Wyo"
).split()
_MORE_ABBREVIATIONS = (
    "Messrs Mme Mlle Esq Hr Ave Blvd Rd Dept Univ Assn Bldg Ed Eds Vol Vols Fig Figs Eq Ch Nr Art approx etc al cf ca"
).split()


def _rules(word: str, abbreviations: Sequence[str], number: str, first: Sequence[str], last: Sequence[str]) -> str:
    """A regular expression of tokens; `first` are the rules before those of CoNLL04, `last` those of single signs."""
    return "|".join(
        [
            *first,
            r"(?:\p{L}\.){2,}",  # U.S.
            rf"(?:{'|'.join(abbreviations)})\.",
            r"\p{Lu}\.",  # initials
            r"[ODLdl]['’]\p{Lu}\p{L}+(?:-\p{L}+)*",  # O'Brien
            rf"\$?(?:{number}|{word}+)(?:[-/&]{word}+)*",  # self-propelled, $62.50
            r"['’](?:s|S|t|re|ve|ll|d|m)\b",  # the city 's mayor
            r"-{2,}|\.{2,}",
            *last,
        ]
    )


# Letters, marks, digits, and the joiners inside words of several scripts.
_CONLL04 = _rules(
    word=r"[\p{L}\p{M}\p{N}_\x{200C}\x{200D}]",
    abbreviations=_ABBREVIATIONS,
    number=r"\d+(?:\.\d+)+",
    first=(),
    last=[r"[^\s\p{Z}\p{C}]"],  # any other visible character by itself
)

# Marks and variation selectors, soft hyphen, joiners.
_JOINED = r"\p{M}\x{AD}\x{200C}\x{200D}\x{2060}"
# Skin tones, and the tags of flags.
_AFTER_EMOJI = rf"[{_JOINED}\x{{1F3FB}}-\x{{1F3FF}}\x{{E0020}}-\x{{E007F}}]*"
_IN_NAME = r"[A-Za-z0-9_\x{C0}-\x{24F}]"
_DOMAIN = rf"{_IN_NAME}(?:{_IN_NAME}|-)*"
_ADDRESS = rf"(?:{_IN_NAME}|[-.~:/?#@!$&'()*+,;=%\[\]|])*(?:{_IN_NAME}|[-~/#=&%])"
_UNICODE = _rules(
    word=rf"[\p{{L}}\p{{N}}_{_JOINED}]",
    abbreviations=_ABBREVIATIONS + _MORE_ABBREVIATIONS,
    number=r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?\b|\d+(?:\.\d+)+(?:,\d{1,3}\b)?|\d+,\d{1,2}\b)",
    first=[
        rf"(?:(?i:https?|ftp)://|www\.){_ADDRESS}",
        rf"{_IN_NAME}(?:{_IN_NAME}|[.%+-])*@{_DOMAIN}(?:\.{_DOMAIN})+",  # ana.lima@example.com
        rf"(?:{_DOMAIN}\.)+(?:com|org|net|edu|gov|co\.uk)\b(?:/{_ADDRESS})?",  # example.com/a
        r"(?:Ph\.D|M\.Sc|B\.Sc|M\.Phil)\.?",
    ],
    last=[
        rf"[\x{{1F1E6}}-\x{{1F1FF}}]{{2}}{_AFTER_EMOJI}",  # a flag
        rf"\p{{So}}(?:{_AFTER_EMOJI}\x{{200D}}\p{{So}})*{_AFTER_EMOJI}",
        rf"[^\s\p{{Z}}\p{{C}}][{_JOINED}]*",
    ],
)
# Scripts without blanks between words: each character is a token.
_CHARACTER = rf"[\p{{Han}}\p{{Hiragana}}\p{{Katakana}}\p{{Thai}}\p{{Lao}}\p{{Khmer}}][{_JOINED}]*"

TOKENIZERS = {"unicode": (_CHARACTER, _UNICODE), "conll04": (_CONLL04,)}
"""Regular expressions by the name of the tokenizer. Borders are added around what each finds, one after the other."""


def tokenize(text: tf.Tensor, tokenizer: str = "unicode") -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
    """Split sentences as in CoNLL04: punctuation is separate, hyphenated words and abbreviations are whole.

    Args:
        text: string `(batch,)`, UTF-8. Invalid bytes become U+FFFD; control characters separate tokens.
        tokenizer: str. `"unicode"`: addresses, decimal numbers and flags are whole too, marks and joiners stay with the
            character before them, and each character of Han, Kana, Thai, Lao and Khmer is a token. `"conll04"`: they
            do not, and a run of such characters is one token. Default: `"unicode"`.

    Returns:
        `(tokens, starts, ends)`, ragged `(batch, tokens)`: the tokens, and their Unicode code points in the text, end
        exclusive, as Python counts.
    """
    text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace", replace_control_characters=False)
    text = tf.strings.regex_replace(text, _BORDER, " ")
    # Borders are added around every token and nothing is removed, so the lengths of the pieces give the offsets.
    for found in TOKENIZERS[tokenizer]:
        text = tf.strings.regex_replace(text, f"({found})", rf"{_BORDER}\1{_BORDER}")
    pieces = tf.strings.split(text, _BORDER)
    row, pieces = pieces.value_rowids(), pieces.flat_values
    lengths = tf.strings.length(pieces, unit="UTF8_CHAR")
    ends = tf.cumsum(lengths)
    # Offsets are those of all texts in a row, so the ends of the texts before are taken off.
    rows = tf.shape(text)[0]
    before = tf.cumsum(tf.math.unsorted_segment_sum(lengths, row, rows), exclusive=True)
    ends -= tf.gather(before, row)
    keep = tf.where(~tf.strings.regex_full_match(pieces, f"{_BLANK}*"))[:, 0]
    # A boolean mask of a ragged tensor does the same with hundreds of operations, which take long to trace.
    row = tf.gather(row, keep)
    return tuple(
        tf.RaggedTensor.from_value_rowids(tf.gather(values, keep), row, tf.cast(rows, row.dtype), validate=False)
        for values in (pieces, ends - lengths, ends)
    )
