"""`POST /v1/extract`: whole documents in, entities and relations with offsets in the document out."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from tensorflow_serving.apis import model_pb2, predict_pb2

from cman_tf.data import sentences
from cman_tf.data.answers import annotated, confident, left_out
from cman_tf.data.document import Document
from export.serving import connections, costs, protos
from export.serving.extract_schema import Question, question
from export.serving.problems import problem
from export.serving.status import ServingError, invalid

if TYPE_CHECKING:
    from export.serving.backend import Backend
    from export.serving.calls import Answer, Call, Calls

PATH = "/v1/extract"
LINES = "application/x-ndjson"
SIGNATURE = "serving_default"


@dataclass
class _Row:
    """A sentence: the number of its document, its first character there, and its text."""

    document: int
    start: int
    text: str

    def __post_init__(self) -> None:
        self.bytes = self.text.encode()


@dataclass
class _Found:
    """What is found in a document so far: `(first character, sentence)`, and how much is left out."""

    parts: list[tuple[int, Document]] = field(default_factory=list)
    left_out: int = 0


class Extract:
    """The endpoint.

    Args:
        backend: `Backend`.
        calls: `Calls`.
    """

    def __init__(self, backend: Backend, calls: Calls) -> None:
        self.backend, self.calls = backend, calls

    async def answer(self, request: Request) -> Response:
        """Answer `{"entities": ..., "relations": ...}`, a list of them, or each on a line."""
        lines = LINES in request.headers.get("accept", "")
        kind = LINES if lines else "application/json"
        return await self.calls.answer(
            request, "extract", lambda call: self._answer(call, lines), kind, problem, in_turns=True
        )

    def _answer(self, call: Call, lines: bool) -> Answer:
        asked, watcher = question(call.body), self.backend.watcher
        if asked.model is None or asked.model == watcher.model:
            call.model = watcher.model
            if not watcher.available():
                raise ServingError(grpc.StatusCode.UNAVAILABLE, "No version of the model is loaded")
        call.rows = 0
        found = self._documents(asked, call, None if lines else call.began + connections.TIMEOUT)
        if lines:
            return (json.dumps(document) + "\n" for document in found)
        if "text" in asked.model_fields_set:
            return json.dumps(next(found))
        return json.dumps({"documents": list(found)})

    def _documents(self, asked: Question, call: Call, deadline: float | None) -> Iterator[dict[str, Any]]:
        """The answers, each as soon as its sentences are computed; `deadline` is for all of them together."""
        spec = model_pb2.ModelSpec(name=asked.model or self.backend.watcher.model)
        with self.backend.watcher.use(spec) as (_, servable):
            _check_types(asked.types, servable.types)
            servable.signature(SIGNATURE)  # or an error
            answer = servable.costs[SIGNATURE]
        found: dict[int, _Found] = {}
        done = 0
        for batch in self._batches(_rows(asked), answer):
            call.rows = (call.rows or 0) + len(batch)
            arrays = self._compute(batch, spec, call, deadline)
            for position, row in enumerate(batch):
                try:
                    part = annotated(Document((), text=row.text, offsets=()), arrays, position)
                    missing = left_out(arrays, position)
                except (KeyError, IndexError) as error:
                    why = f"The model is not an export of cman_tf: its answer lacks {error}"
                    raise ServingError(grpc.StatusCode.UNIMPLEMENTED, why) from None
                own = found.setdefault(row.document, _Found())
                own.parts.append((row.start, part))
                own.left_out += missing
            for number in range(done, batch[-1].document):
                yield _json(found.pop(number, _Found()), asked)
            done = batch[-1].document
        for number in range(done, len(asked.documents)):
            yield _json(found.pop(number, _Found()), asked)

    def _batches(self, rows: Iterator[_Row], answer: costs.AnswerCosts) -> Iterator[list[_Row]]:
        """Consecutive sentences, as many together as a request may have."""
        options, longest, tokens = self.backend.batcher.options, 0, 0
        batch: list[_Row] = []
        for row in rows:
            if len(row.bytes) > self.backend.max_row_bytes:
                raise invalid(
                    f"A sentence must have at most {self.backend.max_row_bytes} bytes. Received: {len(row.bytes)}, "
                    f"from character {row.start} of document {row.document}",
                    "row_too_long",
                )
            own = costs.tokens({"text": np.array([row.bytes], object)})
            wider, more = max(longest, len(row.bytes)), max(tokens, own)
            if batch and (
                len(batch) == options.max_batch_size
                or (len(batch) + 1) * wider > options.max_padded_bytes
                or answer.bytes(len(batch) + 1, more) > options.max_answer_bytes
            ):
                yield batch
                batch, wider, more = [], len(row.bytes), own
            batch.append(row)
            longest, tokens = wider, more
        if batch:
            yield batch

    def _compute(
        self, batch: Sequence[_Row], spec: model_pb2.ModelSpec, call: Call, deadline: float | None
    ) -> dict[str, np.ndarray]:
        """Arrays of an answer. After the first batch, one that finds the queue full waits instead of being refused."""
        request = predict_pb2.PredictRequest(model_spec=spec)
        request.model_spec.signature_name = SIGNATURE
        request.inputs["text"].CopyFrom(protos.strings([row.text for row in batch]))
        end, pause = deadline or time.monotonic() + connections.TIMEOUT, 0.05
        while True:
            try:
                return self.backend.answer(request, end, call.on_cancel, call.client)[2]
            except ServingError as error:
                full = error.code == grpc.StatusCode.RESOURCE_EXHAUSTED
                if not full or call.rows == len(batch) or time.monotonic() + pause > end or call.given_up:
                    raise
                time.sleep(pause)
                pause = min(2 * pause, 1.0)


def _rows(asked: Question) -> Iterator[_Row]:
    for number, text in enumerate(asked.documents):
        for start, end in sentences.split(text, asked.language):
            yield _Row(number, start, text[start:end])


def _check_types(wanted: Sequence[str] | None, known: Sequence[str]) -> None:
    for name in wanted or ():
        if known and name not in known:
            raise invalid(f"types: Each must be a type of the model: {', '.join(known)}. Received: {name}")


def _json(found: _Found, asked: Question) -> dict[str, Any]:
    """A document as JSON. An entity without a wanted type is kept as argument of a relation with one."""
    wanted = None if asked.types is None else set(asked.types)
    entities: list[dict[str, Any]] = []
    relations: list[dict[str, Any]] = []
    # As in a loaded model's document, a sentence has a token at least.
    parts = [(first, part) for first, part in found.parts if part.tokens]
    for number, (first, part) in enumerate(parts):
        part = confident(part, asked.min_score)
        kept = [item for item in part.relations if wanted is None or item.type in wanted]
        linked = {index for item in kept for index in (item.head, item.tail)}
        ids = {}
        for index, item in enumerate(part.entities):
            if wanted is not None and item.type not in wanted and index not in linked:
                continue
            ids[index] = len(entities)
            start, end = part.char_span(item)
            entities.append(
                {
                    "id": ids[index],
                    "type": item.type,
                    "text": part.text[start:end],
                    "start": first + start,
                    "end": first + end,
                    "sentence": number,
                    "score": _rounded(item.score),
                }
            )
        relations += [
            {"type": item.type, "head": ids[item.head], "tail": ids[item.tail], "score": _rounded(item.score)}
            for item in kept
        ]
    more = {"left_out": found.left_out} if found.left_out else {}
    spans = [{"start": first, "end": first + len(part.text)} for first, part in parts]
    return {"entities": entities, "relations": relations, "sentences": spans, **more}


def _rounded(score: float | None) -> float:
    return round(score or 0.0, 4)
