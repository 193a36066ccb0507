"""A client of `cman serve`: texts in, entities and relations out, without TensorFlow."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

from cman_tf.errors import InputError, failed, printable, reason

# Of a request of several texts; the server accepts a million characters.
_CHARACTERS, _TEXTS = 200_000, 1000


class FoundEntity(NamedTuple):
    """A mention of an entity; `text[start:end]` of the document is its `text`, `sentences[sentence]` its sentence."""

    type: str
    text: str
    start: int
    end: int
    score: float
    sentence: int


class FoundRelation(NamedTuple):
    """A relation between two entities."""

    type: str
    head: FoundEntity
    tail: FoundEntity
    score: float


class Extraction(NamedTuple):
    """What is found in a text.

    `sentences` are pairs `(start, end)` of its characters, end exclusive. `left_out` is the number of items for which
    the export has no room.
    """

    entities: list[FoundEntity]
    relations: list[FoundRelation]
    sentences: list[tuple[int, int]]
    left_out: int = 0


class ClientError(InputError):
    """A request failed: the server refused it, or gave no answer.

    Args:
        message: str. One sentence.
        status: int or None. HTTP status, if the server answered.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """A server of `cman serve`, over HTTP.

    Args:
        url: str. Its address. Default: `"http://localhost:8501"`.
        timeout: float. Seconds without a byte of the answer after which a request fails. Default: 60.
        token: str or None. Bearer token, if the server requires one. Blanks and line ends around it are ignored.
        ca: path or None. PEM of the certificate authority of an `https` address. Default: the system's.
        certificate: path or None. PEM of the client's own certificate, for mutual TLS.
        key: path or None. PEM of its private key.

    Raises:
        InputError: if the address is not one of HTTP, the token cannot be sent, or a file cannot be read.

    Example:
        >>> from cman_tf import Client
        >>> client = Client("http://localhost:8501")
        >>> for relation in client.extract("Ana Lima lives in Oslo.").relations:
        ...     print(relation.head.text, relation.type, relation.tail.text)
    """

    def __init__(
        self,
        url: str = "http://localhost:8501",
        timeout: float = 60.0,
        token: str | None = None,
        ca: str | Path | None = None,
        certificate: str | Path | None = None,
        key: str | Path | None = None,
    ) -> None:
        if not _is_http(url):
            raise InputError(f"`url` must be like http://localhost:8501 or https://HOST. Received: {printable(url)}")
        files = [str(path) for path in (ca, certificate, key) if path is not None]
        if files and not url.startswith("https://"):
            raise InputError(f"`ca`, `certificate` and `key` require https://. Received: {printable(url)}")
        if key is not None and certificate is None:
            raise InputError("`key` requires `certificate`.")
        self.url = url.rstrip("/")
        self.timeout = timeout
        self._headers = {"Content-Type": "application/json", "Accept": "application/x-ndjson"}
        if token is not None:
            token = token.strip()
            if not (token and token.isascii() and token.isprintable()):
                raise InputError("`token` must consist of printable ASCII characters.")
            self._headers["Authorization"] = f"Bearer {token}"
        handlers: list[urllib.request.BaseHandler] = []
        if url.startswith("https://"):
            try:
                context = ssl.create_default_context(cafile=ca)
                if certificate is not None:
                    context.load_cert_chain(certificate, key)
            except OSError as error:  # also of ssl
                raise failed("read", " or ".join(files), error) from None
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._open = urllib.request.build_opener(*handlers).open

    @overload
    def extract(  # type: ignore[overload-overlap]
        self,
        text: str,
        min_score: float = 0.0,
        types: Sequence[str] | None = None,
        model: str | None = None,
        language: str = "en",
    ) -> Extraction:
        """One text."""

    @overload
    def extract(
        self,
        text: Iterable[str],
        min_score: float = 0.0,
        types: Sequence[str] | None = None,
        model: str | None = None,
        language: str = "en",
    ) -> list[Extraction]:
        """Several texts."""

    def extract(
        self,
        text: str | Iterable[str],
        min_score: float = 0.0,
        types: Sequence[str] | None = None,
        model: str | None = None,
        language: str = "en",
    ) -> Extraction | list[Extraction]:
        """Find entities and relations in a text of any number of sentences, or in several.

        Args:
            text: str, or an iterable of them.
            min_score: float. Lowest score of an entity or relation, from 0 to 1.
            types: sequence of str or None. Types of entities and relations that are wanted. Default: all.
            model: str or None. Name of the model. Default: the one that is served.
            language: str. ISO 639 code of the texts, for the split into sentences. Default: `"en"`.

        Returns:
            `Extraction`, or a list of them in the order of the input. Offsets are Unicode code points.

        Raises:
            ClientError: if the server refuses the request or does not answer.
        """
        found = self.pipe([text] if isinstance(text, str) else text, min_score, types, model, language)
        return next(found) if isinstance(text, str) else list(found)

    def pipe(
        self,
        texts: Iterable[str],
        min_score: float = 0.0,
        types: Sequence[str] | None = None,
        model: str | None = None,
        language: str = "en",
    ) -> Iterator[Extraction]:
        """Find entities and relations in a stream of texts, in constant memory.

        Args:
            texts: iterable of str.
            min_score, types, model, language: those of `extract`.

        Yields:
            `Extraction`, in the order of the input.

        Raises:
            ClientError: as `extract`.
        """
        wanted = list(types) if types is not None else None
        asked = {"min_score": min_score, "types": wanted, "model": model, "language": language}
        for some in _together(texts):
            count = 0
            for answer in self._ask({"texts": some, **asked}):
                yield answer
                count += 1
            if count < len(some):
                raise ClientError(f"{self.url} ended its answer after {count} of {len(some)} texts.")

    def _ask(self, question: dict[str, Any]) -> Iterator[Extraction]:
        try:
            body = json.dumps(question, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ClientError("A text must be Unicode. Received: a lone surrogate") from None
        request = urllib.request.Request(f"{self.url}/v1/extract", body, self._headers)
        try:
            with self._open(request, timeout=self.timeout) as lines:
                for line in lines:
                    answer = json.loads(line)
                    if "status" in answer:  # an error after the first document
                        raise self._refused(answer["status"], line)
                    yield _extraction(answer)
        except ClientError:
            raise
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error.code, error.read()) from None
        except socket.timeout:  # an alias of TimeoutError from Python 3.10 on
            raise ClientError(f"{self.url} gave no answer within {self.timeout:g} s.") from None
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "reason", error)
            text = reason(why) if isinstance(why, BaseException) else why
            raise ClientError(f"Cannot reach {self.url}: {printable(text)}.") from None
        except (ValueError, TypeError, KeyError):
            raise ClientError(f"{self.url} is not a server of cman serve: its answer is not JSON lines.") from None

    def _refused(self, status: int, body: bytes) -> ClientError:
        try:
            why = json.loads(body)["detail"]
        except (ValueError, TypeError, KeyError):
            why = http.client.responses.get(status, "no reason given")
        return ClientError(f"{self.url} refused the request ({status}): {printable(why)}", status)


def _is_http(url: str) -> bool:
    try:
        return url.startswith(("http://", "https://")) and bool(urllib.parse.urlsplit(url).hostname)
    except ValueError:  # for example half of an IPv6 address
        return False


def _together(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts in groups that a request may have."""
    some: list[str] = []
    size = 0
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"A text must be a string. Received: {type(text).__name__} at position {position}")
        if some and (size + len(text) > _CHARACTERS or len(some) == _TEXTS):
            yield some
            some, size = [], 0
        some.append(text)
        size += len(text)
    if some:
        yield some


def _extraction(answer: dict[str, Any]) -> Extraction:
    entities = {
        item["id"]: FoundEntity(item["type"], item["text"], item["start"], item["end"], item["score"], item["sentence"])
        for item in answer["entities"]
    }
    relations = [
        FoundRelation(item["type"], entities[item["head"]], entities[item["tail"]], item["score"])
        for item in answer["relations"]
    ]
    sentences = [(item["start"], item["end"]) for item in answer["sentences"]]
    return Extraction(list(entities.values()), relations, sentences, answer.get("left_out", 0))
