"""Prediction in Python, from text or tokens to documents."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.data import raw_text, sentences
from cman_tf.data.answers import annotated
from cman_tf.data.batches import pad
from cman_tf.data.document import Document
from cman_tf.errors import InputError
from cman_tf.model.calibration import Cutoffs
from cman_tf.model.decoding import Constraints
from cman_tf.model.extraction import NO_TAGS, Extractor

if TYPE_CHECKING:
    from cman_tf.encoders.feature_store import StoredVectors
    from cman_tf.model.calibration import Calibration
    from cman_tf.model.network import Network


class Predictor:
    """Extracts entities and relations.

    Args:
        network: `Network`, trained.
        batch_size: int. Largest number of sentences in a batch. Default 32.
        batch_cells: int. Largest number of pairs of tokens in a batch of more than one sentence, which limits the
            memory that long sentences need. Default 500,000.

    Example:
        >>> predictor = cman_tf.load("runs/sample")
        >>> document = predictor("Ana Lima lives in Oslo. She works in Bergen.")
        >>> [(entity.text, entity.type, document.sentence_of(entity)) for entity in document.entities]
    """

    def __init__(self, network: Network, batch_size: int = 32, batch_cells: int = 500_000) -> None:
        self.network = network
        self.batch_size = batch_size
        self.batch_cells = batch_cells
        self.extractor = Extractor(network)
        tokens, tags = tf.TensorSpec([None, None], tf.string), tf.TensorSpec([None, None], tf.int32)
        vectors = {
            item.name: tf.TensorSpec(item.shape, item.dtype)
            for item in network.model.token_embedding.inputs
            if item.name.startswith("contextual_")
        }
        # The cutoffs and constraints are inputs, so that one graph serves all their values. AutoGraph would search
        # for Python loops and conditions longer than the rest of the tracing takes.
        cutoffs = Cutoffs(*map(tf.TensorSpec.from_tensor, self.extractor.cutoffs))
        constraints = Constraints(*map(tf.TensorSpec.from_tensor, self.extractor.constraints))
        decoding = [tags, cutoffs, constraints]
        self._from_tokens = tf.function(
            self.extractor.from_tokens, input_signature=[tokens, *decoding], autograph=False
        )
        self._from_vectors = tf.function(
            lambda tokens, vectors, *decoding: self.extractor.from_features(
                {**network.featurizer(tokens), **vectors}, *decoding
            ),
            input_signature=[tokens, vectors, *decoding],
            autograph=False,
        )

    def with_decoding(self, **changes: Any) -> Predictor:
        """A predictor of the same network with other decoding options.

        Args:
            **changes: fields of `DecodingConfig`, e.g. `threshold=0.4`. Given thresholds replace fitted ones.

        Raises:
            InputError: if a field does not exist, its value is out of range, or `bio_constrained` changes, which
                the network is built with.
        """
        config = configs.change(self.network.config, {f"decoding.{name}": value for name, value in changes.items()})
        constrained = config.decoding.bio_constrained
        if constrained != self.network.config.decoding.bio_constrained:
            raise InputError(
                "`bio_constrained` must be set when the network is built; load the run with it instead: "
                f'Run.open(path).predictor({{"decoding.bio_constrained": {constrained}}}). '
                f"Received: {constrained} for a network built with {not constrained}"
            )
        calibration = self.network.calibration
        if calibration:
            calibration = calibration.without(changes)
        return self._with(config=config, calibration=calibration)

    def with_calibration(self, calibration: Calibration | None) -> Predictor:
        """A predictor of the same network with other fitted thresholds and scales, or with none."""
        return self._with(calibration=calibration)

    def _with(self, **changes: Any) -> Predictor:
        other = copy.copy(self)
        other.network = dataclasses.replace(self.network, **changes)
        other.extractor = Extractor(other.network)
        return other

    @overload
    def __call__(self, text: str, split: bool = True, language: str = "en") -> Document: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, text: Sequence[str], split: bool = True, language: str = "en") -> list[Document]: ...

    def __call__(
        self, text: str | Sequence[str], split: bool = True, language: str = "en"
    ) -> Document | list[Document]:
        """Extract entities and relations from raw text of any length.

        Args:
            text: str, or a sequence of them.
            split: bool. Whether to split each text into sentences, see `cman_tf.data.sentences.split`. The network
                reads one sentence at a time, so relations link entities of one sentence. Default: True. False: each
                text is one sentence.
            language: str. ISO 639 code of the language, for the split into sentences. Default: `"en"`.

        Returns:
            `Document`, or a list of them in the order of the input. Offsets are code points of the given text;
            `document.sentences` are the tokens of each sentence.

        Raises:
            InputError: if the input is not text, or a sentence is too long for the memory.
        """
        if isinstance(text, str):
            return self.extract(self.tokenize([text], split, language))[0]
        texts = list(text) if isinstance(text, Iterable) and not isinstance(text, bytes) else [text]
        return self.extract(self.tokenize([_text(*item) for item in enumerate(texts)], split, language))

    def pipe(
        self,
        texts: Iterable[str | Document],
        batch_size: int = 1024,
        split: bool = True,
        language: str = "en",
        progress: Callable[[int], object] | None = None,
    ) -> Iterator[Document]:
        """Extract entities and relations from a stream, in constant memory.

        Args:
            texts: iterable of str or `Document`. It is read as the answers are used. A `Document` with tokens keeps
                them; one without gets those of its text.
            batch_size: int. Number of sentences to collect before they are extracted together. Default: 1024.
            split: bool, see `__call__`. Documents with tokens keep their sentences.
            language: str, see `__call__`.
            progress: callable or None, see `extract`.

        Yields:
            `Document`, in the order of the input.

        Raises:
            InputError: as `__call__`.

        Example:
            >>> for document in predictor.pipe(path.read_text() for path in sorted(Path("articles").glob("*.txt"))):
            ...     print(len(document.sentences), [entity.text for entity in document.entities])
        """
        waiting: list[Document] = []
        count = 0
        for position, item in enumerate(texts):
            document = item
            if not isinstance(document, Document):
                document = Document((), text=_text(position, document), offsets=())
            waiting.append(document)
            count += len(document.sentences) or (len(sentences.split(document.text, language)) if split else 1)
            if count >= batch_size:
                yield from self.extract(self.with_tokens(waiting, split, language), progress=progress)
                waiting, count = [], 0
        yield from self.extract(self.with_tokens(waiting, split, language), progress=progress)

    def with_tokens(self, documents: Sequence[Document], split: bool = True, language: str = "en") -> list[Document]:
        """Tokenize the documents that have a text but no tokens, see `tokenize`; the others stay as they are."""
        # Together: a call of the tokenizer takes longer than its sentences.
        found = iter(self.tokenize([item.text for item in documents if not item.tokens], split, language))
        return [item if item.tokens else dataclasses.replace(next(found), id=item.id) for item in documents]

    def tokenize(self, texts: Sequence[str], split: bool = False, language: str = "en") -> list[Document]:
        """Convert raw texts to documents without annotation, with the tokenizer that the network was trained with.

        Args:
            texts: sequence of str.
            split: bool. Whether to split each text into sentences. Default: False, each text is one sentence.
            language: str, see `__call__`.

        Returns:
            list of `Document`.
        """
        return raw_text.documents(texts, split, language, self.network.config.words.tokenizer)

    def extract(
        self,
        documents: Sequence[Document],
        label_source: str = "predicted",
        progress: Callable[[int], object] | None = None,
        contextual: Mapping[str, Sequence[np.ndarray] | StoredVectors] | None = None,
    ) -> list[Document]:
        """Find entities and relations.

        Args:
            documents: sequence of `Document`, of one or more sentences. The network reads one sentence at a time. Their
                annotation is ignored, unless `label_source` is `"gold"`.
            label_source: `"predicted"`, or `"gold"` to feed the documents' own tags to the BLA units (Table 3).
            progress: callable or None. Called with the number of sentences done after each batch.
            contextual: dict of names to sequences of arrays, stored vectors of the documents, see `training_batches`.
                Default: the encoders, if any, compute them.

        Returns:
            list of `Document` with scored entities and relations, in the order of the input.

        Raises:
            InputError: if a sentence is too long for the memory.
        """
        return sentences.extracted(
            documents,
            lambda parts: self._extract(parts, label_source, progress, contextual),
            keep_annotation=label_source == "gold",
        )

    def _extract(
        self,
        documents: Sequence[Document],
        label_source: str,
        progress: Callable[[int], object] | None,
        contextual: Mapping[str, Sequence[np.ndarray] | StoredVectors] | None,
    ) -> list[Document]:
        """`extract` for sentences."""
        results = list(documents)
        for rows in self.batches([len(document) for document in documents]):
            encoded = [np.array([t.encode("utf-8", "replace") for t in documents[r].tokens], object) for r in rows]
            tokens = tf.constant(pad(encoded, b""), tf.string)
            tags: Any = NO_TAGS
            if label_source == "gold":
                tags = pad([np.array(self.network.schema.tag_ids(documents[row]), np.int32) for row in rows], 0)
            decoding = (tags, self.extractor.cutoffs, self.extractor.constraints)
            # The last sentence is the longest; a batch of only empty sentences has no column of vectors.
            try:
                if contextual and len(documents[rows[-1]]):
                    vectors = {
                        name: tf.constant(pad([values[r] for r in rows], 0)) for name, values in contextual.items()
                    }
                    found = self._from_vectors(tokens, vectors, *decoding)
                else:
                    found = self._from_tokens(tokens, *decoding)
            except tf.errors.ResourceExhaustedError:
                raise InputError(
                    f"Out of memory: sentence {rows[-1] + 1} has {len(documents[rows[-1]])} tokens. The needed memory "
                    "grows with their square; split the sentence."
                ) from None
            found = {name: value.numpy() for name, value in found.items()}
            for position, row in enumerate(rows):
                results[row] = annotated(documents[row], found, position, self.network.schema)
            if progress:
                progress(len(rows))
        return results

    def batches(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Group sentences of similar length.

        Args:
            lengths: sequence of int. Numbers of tokens.

        Yields:
            list of int, the indices of a batch. The longest sentences are last, in a batch and of the batches.
        """
        batch: list[int] = []
        for row in np.argsort(lengths, kind="stable"):
            if len(batch) == self.batch_size or (batch and (len(batch) + 1) * lengths[row] ** 2 > self.batch_cells):
                yield batch
                batch = []
            batch.append(int(row))
        if batch:
            yield batch


def _text(position: int, item: object) -> str:
    if not isinstance(item, str):
        raise InputError(
            "A text must be a string or a sequence of strings; for tokens, use extract([Document(tokens)]). "
            f"Received: {type(item).__name__} at position {position}"
        )
    return item
