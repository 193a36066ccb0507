"""The description of the HTTP interface, OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from cman_tf.version import __version__
from export.serving import extract, metrics, problems
from export.serving.extract_schema import Extraction, Extractions, Problem, Question

PATH = "/openapi.json"
_OBJECT = {"type": "object"}


def description(model: str) -> dict[str, Any]:
    """The description, as a value of JSON.

    Args:
        model: str. Name of the model that is served.
    """
    _, schemas = models_json_schema(
        [(Question, "validation"), *((kind, "serialization") for kind in (Extraction, Extractions, Problem))],
        ref_template="#/components/schemas/{model}",
    )
    name = {"name": "model", "in": "path", "required": True, "schema": {"type": "string", "default": model}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CMAN-TF",
            "version": __version__,
            "summary": "Entities and relations in text",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            extract.PATH: {"post": _extract()},
            "/v1/models/{model}:predict": {
                "parameters": [name],
                "post": {
                    "summary": "TensorFlow Serving's API: sentences in, tensors out",
                    "operationId": "predict",
                    "requestBody": _body(
                        {"application/json": {"schema": _OBJECT, "example": {"instances": ["Ana is in Oslo ."]}}}
                    ),
                    "responses": _answers({"application/json": {"schema": _OBJECT}}),
                },
            },
            "/v1/models/{model}": {
                "parameters": [name],
                "get": _get("Versions, their states and errors", "status"),
            },
            "/v1/models/{model}/metadata": {"parameters": [name], "get": _get("Signatures of the model", "metadata")},
            "/healthz": {"get": _get("Whether the server runs", "health")},
            "/readyz": {"get": _ready()},
            metrics.PATH: {"get": _get("Counters for Prometheus", "counters", "text/plain")},
        },
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        # With and without: a token is required if the server was started with a file of tokens.
        "security": [{}, {"token": []}],
    }


def _ready() -> dict[str, Any]:
    operation = _get("Which versions answer, and why others do not", "ready")
    operation["responses"]["503"] = _problem("No version is loaded, or the server is stopping")
    return operation


def _problem(text: str) -> dict[str, Any]:
    return {"description": text, "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def _extract() -> dict[str, Any]:
    one, many = ({"$ref": f"#/components/schemas/{name}"} for name in ("Extraction", "Extractions"))
    asked = {"schema": {"$ref": "#/components/schemas/Question"}, "example": {"text": "Ana Lima lives in Oslo."}}
    codes = {
        "400": "The request is not valid",
        "401": "A bearer token is required",
        "404": "The model is not served",
        "413": "The body is too large",
        "429": "The queue is full: try again later",
        "503": "No version is loaded, or the server is stopping",
        "504": "The answer was not computed in time",
    }
    return {
        "summary": "Entities and relations of documents",
        "description": "Documents are split into sentences. Offsets are those of the document. With "
        f"`Accept: {extract.LINES}` each document is one line, written as soon as it is computed. An error after the "
        "first line is the last line, as a `Problem`.",
        "operationId": "extract",
        "requestBody": _body({"application/json": asked}),
        "responses": {
            "200": {
                "description": "For `text` one `Extraction`, for `texts` a list of them",
                "content": {"application/json": {"schema": {"oneOf": [one, many]}}, extract.LINES: {"schema": one}},
            },
            **{code: _problem(text) for code, text in codes.items()},
        },
    }


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": content}


def _answers(content: dict[str, Any]) -> dict[str, Any]:
    error = {"application/json": {"schema": _OBJECT, "example": {"error": "Not Found"}}}
    return {
        "200": {"description": "The answer", "content": content},
        "default": {"description": "An error", "content": error},
    }


def _get(summary: str, name: str, kind: str = "application/json") -> dict[str, Any]:
    schema = {"type": "string"} if kind == "text/plain" else _OBJECT
    return {"summary": summary, "operationId": name, "responses": _answers({kind: {"schema": schema}})}
