"""JSON of `POST /v1/extract`: requests and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cman_tf.errors import nearest, rule_of
from export.serving.json_bodies import read_json
from export.serving.status import invalid

MAX_CHARACTERS = 1_000_000  # of all texts of a request
_SCORE = Field(ge=0, le=1, allow_inf_nan=False)


class Question(BaseModel):
    """A request: one text, or several."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"oneOf": [{"required": ["text"]}, {"required": ["texts"]}]}
    )

    text: str = Field("", description="A document of any number of sentences.", examples=["Ana Lima lives in Oslo."])
    texts: list[str] = Field([], description="Documents. Instead of `text`.", max_length=10_000)
    min_score: float = Field(
        0.0, ge=0, le=1, allow_inf_nan=False, description="Lowest score of an entity or relation, from 0 to 1."
    )
    types: Optional[list[str]] = Field(
        None,
        description="Types of entities and relations that are wanted. Arguments of wanted relations are kept. "
        "Default: all.",
        json_schema_extra={"examples": [["Peop", "Live_In"]]},
    )
    language: str = Field(
        "en",
        pattern="^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$",
        max_length=35,
        description="Language of the texts, for the split into sentences: an ISO 639 code. A related language or "
        "English stands for those that are not known.",
        examples=["de"],
    )
    model: Optional[str] = Field(None, description="Name of the model. Default: the one that is served.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Question:
        if ("text" in self.model_fields_set) == ("texts" in self.model_fields_set):
            raise ValueError("Exactly one of text and texts is required")
        if sum(map(len, self.documents)) > MAX_CHARACTERS:
            raise ValueError(f"All texts together may have at most {MAX_CHARACTERS} characters")
        return self

    @property
    def documents(self) -> list[str]:
        """The texts, list of str."""
        return [self.text] if "text" in self.model_fields_set else self.texts


class FoundEntity(BaseModel):
    """A mention of an entity."""

    id: int = Field(description="Its position in `entities`.")
    type: str = Field(examples=["Peop"])
    text: str = Field(examples=["Ana Lima"])
    start: int = Field(description="First character, in Unicode code points of the document.")
    end: int = Field(description="End, exclusive.")
    sentence: int = Field(description="Position of its sentence in `sentences`.")
    score: float = _SCORE


class FoundRelation(BaseModel):
    """A relation between two entities of a sentence."""

    type: str = Field(examples=["Live_In"])
    head: int = Field(description="`id` of its first entity.")
    tail: int = Field(description="`id` of its second entity.")
    score: float = _SCORE


class Sentence(BaseModel):
    """The place of a sentence in the document."""

    start: int = Field(description="First character, in Unicode code points of the document.")
    end: int = Field(description="End, exclusive.")


class Extraction(BaseModel):
    """Entities and relations of a document."""

    entities: list[FoundEntity]
    relations: list[FoundRelation]
    sentences: list[Sentence]
    left_out: int = Field(
        0, description="Number of tokens, entities and relations for which the export has no room. Missing if 0."
    )


class Extractions(BaseModel):
    """Entities and relations of each document of `texts`, in their order."""

    documents: list[Extraction]


class Problem(BaseModel):
    """An error (RFC 9457)."""

    title: str = Field(description="Phrase of the HTTP status.", examples=["Bad Request"])
    status: int = Field(description="HTTP status.", examples=[400])
    detail: str = Field(description="What is wrong, one sentence.")
    code: str = Field(description="Name of the gRPC status.", examples=["INVALID_ARGUMENT"])


def question(body: bytes) -> Question:
    """Read the body of a request.

    Raises:
        ServingError: INVALID_ARGUMENT if it is not JSON or not such a question.
    """
    value: Any = read_json(body)
    if not isinstance(value, dict):
        raise invalid("The body must be a JSON object")
    try:
        return Question.model_validate(value)
    except ValidationError as error:
        raise invalid(
            _sentence(error.errors(include_url=False, include_context=False, include_input=False)[0])
        ) from None


def _sentence(error: Mapping[str, Any]) -> str:
    """What is wrong, without the value, which may be long or private."""
    place = "/".join(map(str, error["loc"]))[:100]
    if error["type"] == "extra_forbidden":
        return f"Unknown field: {place}{nearest(place, Question.model_fields)}"
    if error["type"] == "value_error":
        return error["msg"].removeprefix("Value error, ")
    return f"`{place}` {rule_of(error['msg'])}"
