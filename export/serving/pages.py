"""Web pages: the playground and the API reference. They load nothing from other addresses."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from export.serving import openapi

if TYPE_CHECKING:
    from export.serving.calls import Calls

FOLDER = Path(__file__).with_name("page")
_KINDS = {"page.css": "text/css", "playground.js": "text/javascript"}
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Pages:
    """The pages.

    Args:
        calls: `Calls`.
        model: str. Name of the model that is served.
    """

    def __init__(self, calls: Calls, model: str) -> None:
        self._calls = calls
        described = openapi.description(model)
        environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)
        environment.filters["marked"] = lambda text: Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))
        page = environment.get_template("reference.html")
        self._texts = {
            "/": ("text/html", (FOLDER / "index.html").read_text(encoding="utf-8")),
            "/docs": ("text/html", page.render(info=described["info"], **_reference(described))),
            openapi.PATH: ("application/json", json.dumps(described, indent=1)),
            **{f"/page/{name}": (kind, (FOLDER / name).read_text(encoding="utf-8")) for name, kind in _KINDS.items()},
        }

    def routes(self) -> list[Route]:
        """Routes of the pages."""
        return [Route(path, self._page(kind, text)) for path, (kind, text) in self._texts.items()]

    def _page(self, kind: str, text: str) -> Callable[[Request], Awaitable[Response]]:
        async def page(request: Request) -> Response:
            response = await self._calls.answer(request, "page", lambda _: text, kind, public=True)
            response.headers.update(HEADERS)
            return response

        return page


def _reference(described: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """`operations` and `schemas` as the API reference shows them."""

    def resolve(schema: dict[str, Any]) -> dict[str, Any]:
        name = schema.get("$ref", "").rpartition("/")[2]
        return described["components"]["schemas"][name] if name else schema

    def kind(schema: dict[str, Any]) -> str:
        if "anyOf" in schema or "oneOf" in schema:
            return " or ".join(kind(one) for one in schema.get("anyOf", schema.get("oneOf", ())))
        if schema.get("type") == "array":
            return f"list of {kind(schema['items'])}"
        return schema.get("$ref", "").rpartition("/")[2] or str(schema.get("type", "value"))

    operations = []
    for path, item in described["paths"].items():
        for method in ("get", "post"):
            if method not in item:
                continue
            operation = item[method]
            asked = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            operations.append(
                {
                    "method": method.upper(),
                    "path": path,
                    "summary": operation["summary"],
                    "description": operation.get("description", ""),
                    "example": json.dumps(asked["example"]) if "example" in asked else "",
                    "fields": [
                        (name, kind(field), field.get("description", ""))
                        for name, field in resolve(asked.get("schema", {})).get("properties", {}).items()
                    ],
                    "answers": [
                        (
                            code,
                            answer["description"],
                            [(media, kind(content.get("schema", {}))) for media, content in answer["content"].items()],
                        )
                        for code, answer in operation["responses"].items()
                    ],
                }
            )
    schemas = [
        {
            "name": name,
            "description": schema.get("description", ""),
            "fields": [
                (field, kind(value), value.get("description", "")) for field, value in schema["properties"].items()
            ],
        }
        for name, schema in described["components"]["schemas"].items()
    ]
    return {"operations": operations, "schemas": schemas}
