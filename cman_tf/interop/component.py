"""spaCy pipeline component `cman`: entities into `doc.ents`, relations into `doc._.relations`.

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("cman", config={"model": "runs/sample"})
    doc = nlp("Ana Lima lives in Oslo. It rains.")
    for relation in doc._.relations:
        print(doc.ents[relation["head"]], relation["type"], doc.ents[relation["tail"]])

spaCy finds the component by its entry point, without an import of this module.
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

    Entities of other components in `doc.ents` are replaced.

    Args:
        model: str. A run folder, or an exported model (a version or the folder of versions).
        batch_size: int. Docs whose sentences `pipe` extracts together, unless `nlp.pipe` sets it.
        allow_encoders: list of str or None, see `cman_tf.load`.

    Raises:
        InputError: if the model does not exist or cannot be loaded.
    """

    def __init__(self, model: str, batch_size: int = 64, allow_encoders: Optional[list[str]] = None) -> None:
        from cman_tf.interop.saved_model import load_model

        self.model = load_model(model, allow_encoders or ())
        self.batch_size = batch_size
        spacy_docs.spacy()

    def __call__(self, doc: Doc) -> Doc:
        return self._annotated([doc])[0]

    def pipe(self, stream: Iterable[Doc], batch_size: Optional[int] = None) -> Iterator[Doc]:
        """Yield the docs of a stream, annotated, in their order; `nlp.pipe` calls this."""
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


# The model has no sensible default: a run folder is the user's own.
@Language.factory("cman", assigns=["doc.ents", "doc._.relations"])
def make_component(
    nlp: Language, name: str, model: str, batch_size: int = 64, allow_encoders: Optional[list[str]] = None
) -> CmanComponent:
    """Create the component; `nlp.add_pipe("cman", config=...)` calls this."""
    return CmanComponent(model, batch_size, allow_encoders)
