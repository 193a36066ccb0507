"""Splits raw text into tokens with offsets, in TensorFlow operations, so that an exported model does the same.

A run stores the name of its tokenizer, so the rules of a name never change: `unicode2` is that of new runs, `unicode`
that of runs before it, `conll04` that of runs without the field `words.tokenizer`.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from cman_tf.data.abbreviations import ENGLISH, MORE, european

_BORDER = "\x01"
_BLANK = r"[\s\p{Z}\p{C}]"


def _rules(first: Sequence[str], abbreviations: Sequence[str], words: Sequence[str], last: Sequence[str]) -> str:
    """A regular expression of tokens; `first` are the rules before abbreviations, `last` those of single signs."""
    return "|".join(
        [
            *first,
            rf"(?:{'|'.join(abbreviations)})\.",
            *words,
            r"['’](?:s|S|t|re|ve|ll|d|m)\b",  # the city 's mayor
            r"-{2,}|\.{2,}",
            *last,
        ]
    )


def _words(word: str, number: str) -> list[str]:
    """Rules of initials, O'Brien, and self-propelled or $62.50."""
    return [
        r"\p{Lu}\.",
        r"[ODLdl]['’]\p{Lu}\p{L}+(?:-\p{L}+)*",
        rf"\$?(?:{number}|{word}+)(?:[-/&]{word}+)*",
    ]


_CAPITALS = r"(?:\p{L}\.){2,}"  # U.S.

# Letters, marks, digits, and the joiners inside words of several scripts.
_CONLL04 = _rules(
    first=[_CAPITALS],
    abbreviations=ENGLISH,
    words=_words(r"[\p{L}\p{M}\p{N}_\x{200C}\x{200D}]", number=r"\d+(?:\.\d+)+"),
    last=[r"[^\s\p{Z}\p{C}]"],  # any other visible character by itself
)

# Marks and variation selectors, soft hyphen, joiners.
_JOINED = r"\p{M}\x{AD}\x{200C}\x{200D}\x{2060}"
# Skin tones, and the tags of flags.
_AFTER_EMOJI = rf"[{_JOINED}\x{{1F3FB}}-\x{{1F3FF}}\x{{E0020}}-\x{{E007F}}]*"
_IN_NAME = r"[A-Za-z0-9_\x{C0}-\x{24F}]"
_DOMAIN = rf"{_IN_NAME}(?:{_IN_NAME}|-)*"
_ADDRESS = rf"(?:{_IN_NAME}|[-.~:/?#@!$&'()*+,;=%\[\]|])*(?:{_IN_NAME}|[-~/#=&%])"
_DEGREES = r"(?:Ph\.D|M\.Sc|B\.Sc|M\.Phil)\.?"
_UNICODE = _rules(
    first=[
        rf"(?:(?i:https?|ftp)://|www\.){_ADDRESS}",
        rf"{_IN_NAME}(?:{_IN_NAME}|[.%+-])*@{_DOMAIN}(?:\.{_DOMAIN})+",  # ana.lima@example.com
        rf"(?:{_DOMAIN}\.)+(?:com|org|net|edu|gov|co\.uk)\b(?:/{_ADDRESS})?",  # example.com/a
        _DEGREES,
        _CAPITALS,
    ],
    abbreviations=ENGLISH + MORE,
    words=_words(
        rf"[\p{{L}}\p{{N}}_{_JOINED}]",
        number=r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?\b|\d+(?:\.\d+)+(?:,\d{1,3}\b)?|\d+,\d{1,2}\b)",
    ),
    last=[
        rf"[\x{{1F1E6}}-\x{{1F1FF}}]{{2}}{_AFTER_EMOJI}",  # a flag
        rf"\p{{So}}(?:{_AFTER_EMOJI}\x{{200D}}\p{{So}})*{_AFTER_EMOJI}",
        rf"[^\s\p{{Z}}\p{{C}}][{_JOINED}]*",
    ],
)
# Scripts without blanks between words: each character is a token.
_SINGLE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}"
_CHARACTER = rf"[{_SINGLE}][{_JOINED}]*"

# `unicode2` is one pass, so that each token takes all that is joined to it, whichever rule found it. Large classes are
# few: where they are in many places, the expression is too large for the fast way of matching.
_ACCENTS = r"\x{300}-\x{36F}\x{AD}\x{200C}\x{200D}\x{2060}"
_LATIN = rf"[A-Za-z0-9_\x{{C0}}-\x{{24F}}{_ACCENTS}]"
_HOST = rf"{_LATIN}(?:{_LATIN}|-)*"
# Other letters begin a part of an address, as in /wiki/東京. After Latin ones they are the text that goes on.
_OTHER = r"[^\s\p{Z}\p{C}\p{P}\p{S}A-Za-z0-9\x{C0}-\x{24F}]"
_SIGN = r"[-.~:/?#@!$&'()*+,;=%\[\]|_]"
_REST = rf"{_OTHER}*(?:{_SIGN}*(?:{_SIGN}{_OTHER}+|{_LATIN}|[-~/#=&%]))+"
# Most pictures are symbols; some are newer than the tables of the regular expressions.
_PICTURES = r"\x{1F000}-\x{1FAFF}"
_PICTURE = rf"[\p{{S}}{_PICTURES}]"
_AFTER_PICTURE = rf"[{_ACCENTS}\x{{20E3}}\x{{FE0E}}\x{{FE0F}}\x{{1F3FB}}-\x{{1F3FF}}\x{{E0020}}-\x{{E007F}}]*"
_WORD = rf"(?:[^\s\p{{Z}}\p{{C}}\p{{P}}\p{{S}}{_SINGLE}{_PICTURES}]|[_{_JOINED}])+"
_NUMBER = "|".join(
    [
        r"\d{1,3}(?:,\d{2,3})*,\d+(?:\.\d+)?",  # 1,062.50 and 3,14159
        r"\d{1,3}(?:\.\d{3})+,\d+",  # 1.062,50
        r"\p{Nd}+(?:[.\x{66B}\x{66C}]\p{Nd}+)+",
        r"\d+,\d{1,2}\b",  # 1062,50 but not 1994,1995
        r"\B\.\d+",  # .05
    ]
)
_UNICODE2 = _rules(
    first=[
        rf"(?:(?:(?i:https?|ftp):/|(?:{_HOST}\.)+[a-z]{{2,}})/|www\.){_REST}",
        rf"{_LATIN}(?:{_LATIN}|[.%+-])*@{_HOST}(?:\.{_HOST})+",
        rf"(?:{_HOST}\.)+(?:com|org|net|edu|gov|co\.uk)\b",
        _DEGREES,
        _CHARACTER,
        rf"(?:\p{{L}}[{_ACCENTS}]*\.){{2,}}",  # U.S.
        rf"(?:{_LATIN}+\.-)+[A-Z]{_LATIN}{{0,3}}\.",  # Dipl.-Ing.
        r"(?:p\.e[jx]|[vn]\.Chr|u\.dgl|i\.Allg)\.",
        r"(?:[A-Z]{2}\.){2,}",  # EE.UU.
        r"(?:Sig|Dott|Prof|Dr)\.(?:ra|na|ssa)\b",
        rf"{_HOST}[Ss]tr\.",  # Hauptstr.
    ],
    abbreviations=ENGLISH + MORE + european(),
    words=[
        rf"[\p{{Lu}}\p{{Ll}}][{_ACCENTS}]*\.",  # initials, z. B.
        rf"(?:[ODLdl][{_ACCENTS}]*['’][{_ACCENTS}]*\p{{Lu}}|\$)?(?:{_NUMBER}|{_WORD})(?:[-/&](?:{_NUMBER}|{_WORD}))*",
    ],
    last=[
        rf"[\x{{1F1E6}}-\x{{1F1FF}}]{{2}}{_AFTER_PICTURE}",  # a flag
        rf"{_PICTURE}(?:{_AFTER_PICTURE}\x{{200D}}{_PICTURE})*{_AFTER_PICTURE}",
        r"[^\s\p{Z}\p{C}]",
    ],
)

# RE2's `\b` knows the letters of ASCII only: it cuts 'déjà after 'd, fue.comía after .com, and café.5 before .5.
_NEXT = _BORDER * 2
_SUFFIX, _TOP = r"(?:s|S|t|re|ve|ll|d|m)", r"(?:com|org|net|edu|gov|co\.uk)"
_ACCENTED = rf"[\x{{C0}}-\x{{24F}}\x{{1E00}}-\x{{1EFF}}][{_ACCENTS}]*"
_LETTER = rf"[^\s\p{{Z}}\p{{C}}\p{{P}}\p{{S}}\p{{M}}{_SINGLE}{_PICTURES}]"
REPAIRS = {
    "unicode2": (
        # The é. of 'té. is no initial.
        (
            rf"((?:{_BORDER}['’]{_SUFFIX}|\.{_TOP})[{_JOINED}]*{_NEXT}{_ACCENTED})(\.[{_JOINED}]*{_BORDER})",
            rf"\1{_NEXT}\2",
        ),
        (rf"({_BORDER}['’])({_SUFFIX}[{_JOINED}]*){_NEXT}({_ACCENTED})", rf"\1{_NEXT}\2\3"),
        (rf"(\.)({_TOP}[{_JOINED}]*){_NEXT}({_ACCENTED})", rf"{_NEXT}\1{_NEXT}\2\3"),
        (rf"({_LETTER}[{_JOINED}]*){_NEXT}(\.)(\d)", rf"\1{_NEXT}\2{_NEXT}\3"),
    )
}
"""`(found, written)` by the name of the tokenizer: borders that are moved after all were added."""

TOKENIZERS = {
    "unicode2": (rf"(?:{_UNICODE2})[{_JOINED}]*",),
    "unicode": (_CHARACTER, _UNICODE),
    "conll04": (_CONLL04,),
}
"""Regular expressions by the name of the tokenizer. Borders are added around what each finds, one after the other."""


def tokenize(text: tf.Tensor, tokenizer: str = "unicode2") -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
    """Split sentences as in CoNLL04: punctuation is separate, hyphenated words and abbreviations are whole.

    Args:
        text: string `(batch,)`, UTF-8. Invalid bytes become U+FFFD; control characters separate tokens.
        tokenizer: str. `"unicode2"`: addresses, decimal numbers and flags are whole too, marks and joiners stay with
            the character before them, and each character of Han, Kana, Thai, Lao and Khmer is a token. `"unicode"`:
            the same, but marks cut some words, and addresses end at letters that are not Latin. `"conll04"`: none of
            this, and a run of characters of Han and so on is one token. Default: `"unicode2"`.

    Returns:
        `(tokens, starts, ends)`, ragged `(batch, tokens)`: the tokens, and their Unicode code points in the text, end
        exclusive, as Python counts.
    """
    text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace", replace_control_characters=False)
    text = tf.strings.regex_replace(text, _BORDER, " ")
    # Borders are added around every token and nothing is removed, so the lengths of the pieces give the offsets.
    for found in TOKENIZERS[tokenizer]:
        text = tf.strings.regex_replace(text, f"({found})", rf"{_BORDER}\1{_BORDER}")
    for found, written in REPAIRS.get(tokenizer, ()):
        text = tf.strings.regex_replace(text, found, written)
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
