"""The playground and the description of the HTTP interface, and the playground in a real browser."""

import json
import re
import time
import urllib.request
from pathlib import Path

import jsonschema
import pytest

from export.serving.backend import Backend
from export.serving.status import invalid
from tests.export import chromium
from tests.export.serving import eventually, running
from tests.export.tiny import Extractor

PAGES = ["/", "/docs", "/openapi.json", "/page/page.css", "/page/playground.js"]
TEXT = "Ana lives in Oslo.\n\n<b>Bo</b> lives in \N{GRINNING FACE} Lima."


@pytest.fixture(scope="module")
def asker(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    Extractor().save(folder / "1")
    with running("embedded", folder) as asker:
        yield asker


@pytest.fixture(scope="module")
def described(asker):
    return json.loads(asker.http("/openapi.json")[1])


def test_the_description_is_openapi(described):
    schema = json.loads((Path(__file__).parent / "schemas" / "openapi.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(described)
    for part in described["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(part)
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(described)))
    assert references <= set(described["components"]["schemas"])
    names = [operation["operationId"] for item in described["paths"].values() for operation in _operations(item)]
    assert len(set(names)) == len(names)


def _operations(item):
    return [item[method] for method in ("get", "post") if method in item]


def _check(described, name, value):
    part = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
    jsonschema.Draft202012Validator(part).validate(value)


def test_what_is_described_is_answered(asker, described):
    for path, item in described["paths"].items():
        for method, body in (("get", None), ("post", {"text": "a b", "instances": ["a b"]})):
            if method not in item:
                continue
            if body:
                body = item[method]["requestBody"]["content"]["application/json"]["example"]
            status, text = asker.http(path.replace("{model}", "cman"), body)
            assert status == 200, path
            (kind, *_) = item[method]["responses"]["200"]["content"]
            assert kind == "text/plain" or json.loads(text)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"text": "Ana Oslo"}, "Extraction"),
        ({"text": "a b c d e f g"}, "Extraction"),
        ({"texts": ["Ana Oslo", ""]}, "Extractions"),
        ({"text": 1}, "Problem"),
        ({"text": "a", "model": "b"}, "Problem"),
    ],
)
def test_requests_and_answers_fit_their_schemas(asker, described, body, name):
    answer = json.loads(asker.http("/v1/extract", body)[1])
    _check(described, name, answer)
    if name == "Problem" and body["text"] == 1:
        with pytest.raises(jsonschema.ValidationError):
            _check(described, "Question", body)
    else:
        _check(described, "Question", body)


def test_an_answer_of_not_ready_fits_its_schema(described, tmp_path):
    with running("embedded", tmp_path) as empty:
        status, text = empty.http("/readyz")
    content = described["paths"]["/readyz"]["get"]["responses"][str(status)]["content"]
    reference = content["application/problem+json"]["schema"]["$ref"]
    _check(described, reference.rpartition("/")[2], json.loads(text))


@pytest.mark.parametrize(
    "body", [{}, {"text": "a", "texts": []}, {"text": "a", "more": 1}, {"text": "", "min_score": 2}]
)
def test_what_the_schema_refuses_is_refused(asker, described, body):
    with pytest.raises(jsonschema.ValidationError):
        _check(described, "Question", body)
    assert asker.http("/v1/extract", body)[0] == 400


@pytest.mark.parametrize("path", PAGES)
def test_pages_refer_to_no_other_address(asker, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{asker.rest_port}{path}") as reply:
        text, headers = reply.read().decode(), reply.headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    if path != "/openapi.json":
        assert set(re.findall(r"\w+://[^\s\"']+", text)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<script>|<style|\son\w+=|style=", text)


def test_the_page_of_the_interface_has_all_of_it(asker, described):
    text = asker.http("/docs")[1]
    for path in described["paths"]:
        assert f"<code>{path}</code>" in text
    for part in described["components"]["schemas"].values():
        for name in part["properties"]:
            assert f"<code>{name}</code>" in text


def test_other_files_are_not_served(asker):
    for path in ("/page/", "/page/reference.html", "/page/../pages.py", "/page/%2e%2e/pages.py"):
        assert asker.http(path)[0] == 404


# In a browser.


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    if chromium.path() is None:
        pytest.skip("no Chromium: not on the PATH, and CHROMIUM does not name one")
    with chromium.browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


def marks(page):
    return page.run("[...document.querySelectorAll('#marked mark')].map(mark => mark.textContent)")


@pytest.mark.slow
def test_a_text_is_typed_and_marked_with_the_keyboard_alone(page, asker):
    page.look(1200, 900)
    page.open(f"http://127.0.0.1:{asker.rest_port}/")
    for _ in range(3):  # two links, then the text
        page.press("Tab", 9)
    assert page.run("document.activeElement.id") == "text"
    page.call("Input.insertText", text=TEXT)
    page.press("Enter", 13, modifiers=2)
    page.wait("document.querySelectorAll('#marked mark').length > 0")
    # The scores of the model are 0.75, 0.5 and 0.25.
    assert marks(page) == ["AnaPeop", "Oslo.Loc", "<b>Bo</b>Peop", "Lima.Loc"]
    assert page.run("document.getElementById('marked').textContent").startswith(
        "AnaPeop lives in Oslo.Loc\n\n<b>Bo</b>"
    )
    assert page.run("document.getElementById('status').textContent").startswith("4 entities, 0 relations")
    # From the text to the slider: three examples and the button.
    for _ in range(5):
        page.press("Tab", 9)
    assert page.run("document.activeElement.id") == "score"
    for _ in range(26):
        page.press("ArrowLeft", 37)
    assert page.run("document.querySelectorAll('#graph g:not(.label)').length") == 4
    assert (
        page.run("[...document.querySelectorAll('#graph .label text')].map(one => one.textContent)") == ["Live_In"] * 2
    )
    rows = page.run("[...document.querySelectorAll('#relations tr')].map(row => row.innerText)")
    assert [row.split("\t") for row in rows] == [
        ["Ana", "Live_In", "Oslo.", "0.250"],
        ["<b>Bo</b>", "Live_In", "Lima.", "0.250"],
    ]
    for _ in range(60):
        page.press("ArrowRight", 39)
    assert marks(page) == []
    for element in ("text", "score", "token"):
        assert page.run(f"document.getElementById('{element}').labels.length") == 1


@pytest.mark.slow
def test_an_example_and_what_is_copied(page, asker):
    page.open(f"http://127.0.0.1:{asker.rest_port}/?min_score=0.2")
    page.run("navigator.clipboard.writeText = async text => { window.copied = text; }")
    for number in range(3):
        page.run("document.getElementById('status').textContent = ''")
        page.run(f"document.querySelectorAll('.example')[{number}].click()")
        page.wait("document.getElementById('status').textContent.includes('ms')")
    page.run("document.getElementById('json').click()")
    found = json.loads(page.wait("window.copied"))
    assert [entity["type"] for entity in found["entities"]] == ["Peop", "Loc"] * 2
    page.run("document.getElementById('curl').click()")
    page.wait("window.copied.startsWith('curl')")
    assert page.run("window.copied").startswith(
        f'curl http://127.0.0.1:{asker.rest_port}/v1/extract -d \'{{"text":"Lee'
    )


@pytest.mark.slow
def test_the_latest_request_is_shown(page, asker, monkeypatch):
    page.open(f"http://127.0.0.1:{asker.rest_port}/?min_score=0.2")
    answer, first = Backend.answer, []

    def late(self, *arguments):
        if not first:
            first.append(1)
            time.sleep(1)
        return answer(self, *arguments)

    monkeypatch.setattr(Backend, "answer", late)
    page.run("document.querySelectorAll('.example')[0].click()")
    eventually(lambda: first)
    page.run("document.querySelectorAll('.example')[2].click()")
    time.sleep(1.5)
    assert page.run("document.getElementById('marked').textContent").startswith("Lee")
    assert not page.run("document.getElementById('extract').disabled")


@pytest.mark.slow
def test_an_error_is_shown(page, asker, monkeypatch):
    page.open(f"http://127.0.0.1:{asker.rest_port}/?text=Ana+Oslo&run=1")
    page.wait("document.querySelectorAll('#marked mark').length == 2")

    def fail(*arguments):
        raise invalid("It is <i>wrong</i>")

    with monkeypatch.context() as patch:
        patch.setattr(Backend, "answer", fail)
        page.run("document.getElementById('extract').click()")
        page.wait("document.getElementById('error').textContent == 'Error: It is <i>wrong</i>'")
    assert page.run("document.getElementById('result').hidden")
    assert page.run("document.getElementById('error').getAttribute('role')") == "alert"
    page.run("document.getElementById('extract').click()")
    page.wait("document.querySelectorAll('#marked mark').length == 2 && !document.getElementById('error').textContent")
    page.wait("!document.getElementById('extract').disabled")
    page.run("window.fetch = async () => { throw new TypeError('Failed to fetch'); }")
    page.run("document.getElementById('extract').click()")
    page.wait("document.getElementById('error').textContent == 'The server cannot be reached.'")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1200])
def test_pages_fit_a_narrow_screen_and_a_dark_scheme(page, asker, width, scheme):
    page.look(width, 800, scheme)
    address = f"http://127.0.0.1:{asker.rest_port}"
    long = "a" * 200 + "+b.+" + "Ana+" * 30 + "Oslo"
    for path in (f"/?text={long}&run=1&min_score=0.1", "/docs"):
        page.open(address + path)
        if path != "/docs":
            page.wait("document.querySelectorAll('#marked mark').length > 0")
        assert page.run("document.documentElement.scrollWidth") <= width
        channel = int(page.run("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"))
        assert (channel > 200) == (scheme == "light")
    assert all(shown.startswith(address) for shown in page.addresses if not shown.startswith(("data:", "about:")))
    assert [entry for entry in page.logged if "400" not in str(entry)] == []
