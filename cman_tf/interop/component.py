"""spaCy pipeline component `cman`: entities into `doc.ents`, relations into `doc._.relations`.

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("cman", config={"model": "runs/sample"})
    doc = nlp("Ana Lima lives in Oslo. It rains.")
    for relation in doc._.relations:
        print(doc.ents[relation["head"]], relation["type"], doc.ents[relation["tail"]])

spaCy finds the component by its entry point; this module needs no import by hand.
"""

# Without postponed annotations: spaCy evaluates those of a factory to check its settings.
from collections.abc import Iterable, Iterator
from typing import Optional

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch

from cman_tf.data.formats import spacy_docs


class CmanComponent:
    """Extracts from the tokens and sentences of a `Doc`; without sentence borders the whole `Doc` is one sentence.

    What other components put into `doc.ents` is replaced.

    Args:
        model: str. A run folder, or an export (a version or the folder of versions).
        batch_size: int. Docs whose sentences are extracted together in `pipe`, unless `nlp.pipe` says otherwise.

    Raises:
        InputError: the model is not there or cannot be loaded.
    """

    def __init__(self, model: str, batch_size: int = 64) -> None:
        from cman_tf.interop.saved_model import load_model

        self.model = load_model(model)
        self.batch_size = batch_size
        spacy_docs.spacy()

    def __call__(self, doc: Doc) -> Doc:
        return self._annotated([doc])[0]

    def pipe(self, stream: Iterable[Doc], batch_size: Optional[int] = None) -> Iterator[Doc]:
        """Yield the docs of a stream, annotated, in their order: what `nlp.pipe` calls."""
        for docs in minibatch(stream, batch_size or self.batch_size):
            yield from self._annotated(list(docs))

    def _annotated(self, docs: list[Doc]) -> list[Doc]:
        parts = [(number, *part) for number, doc in enumerate(docs) for part in spacy_docs.sentences(doc)]
        for doc in docs:
            doc.set_ents([], default="outside")
            doc._.relations = []
        found = self.model.extract([document for _, document, _ in parts])
        for (number, _, places), document in zip(parts, found):
            spacy_docs.annotate(docs[number], document, places, first=len(docs[number].ents))
        return docs


# The model has no sensible default: a run folder is a person's own.
@Language.factory("cman", assigns=["doc.ents", "doc._.relations"])
def make_component(nlp: Language, name: str, model: str, batch_size: int = 64) -> CmanComponent:
    """What `nlp.add_pipe("cman", config=...)` calls."""
    return CmanComponent(model, batch_size)
