"""UIMA CAS and the exports of INCEpTION.

The forms are those of INCEpTION's `inception-imls-stringmatch` (`relation_test.xmi`), of the suite of
`inception-io-webanno-tsv`, and of dkpro-cassis' `tests/test_files/json`; the sentences are our own.
"""

import json
import shutil
import sys
import zipfile
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cman_tf.data import formats
from cman_tf.data.document import Document
from cman_tf.data.formats import cas_json, cas_xmi, projects
from cman_tf.data.formats.losses import Reading
from cman_tf.errors import InputError
from tests.data.examples import ann, documents
from tests.data.formats.test_cases import CASES, shown

pytest.importorskip("cassis", reason='needs the extra "cas"')

XMI, JSON = CASES / "inception_xmi", CASES / "inception.json"
FOUND = [
    ([("Ana Lima", "Peop"), ("Oslo", "Loc")], [("Ana Lima", "Live_In", "Oslo")]),
    ([("works", "work"), ("Norsk Data", "Org")], []),
]
LEFT_OUT = {
    "annotations of the layer POS": 1,
    "annotations of the layer SameLink": 2,
    "annotations of the layer SameChain": 1,
    "slots of annotations": 1,
    "relations across sentences": 1,
}


def read(path, **choices):
    reading = Reading(**choices)
    found = formats.read(path, reading=reading)
    return [document.id for document in found], [shown(document) for document in found], dict(reading.left_out)


@pytest.mark.parametrize(
    ("path", "format"), [(XMI, "cas_xmi"), (XMI / "letter.xmi", "cas_xmi"), (JSON, "cas_json")], ids=str
)
def test_layers_become_entities_and_relations_and_the_others_are_counted(path, format):
    assert formats.recognise(path) == format
    assert read(path) == (["letter.txt:1", "letter.txt:2"], FOUND, LEFT_OUT)


def packed(path, files):
    """A ZIP archive of `{name: content}`."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_the_archive_of_one_text(tmp_path):
    path = packed(tmp_path / "letter.zip", {file.name: file.read_bytes() for file in XMI.iterdir()})
    assert formats.recognise(path) == "cas_xmi"
    assert read(path) == (["letter.txt:1", "letter.txt:2"], FOUND, LEFT_OUT)


@pytest.fixture
def project(tmp_path):
    """Makes the archive of a project, of the given people; a text is annotated by each."""
    text = {file.name: file.read_bytes() for file in XMI.iterdir()}

    def make(*people):
        files = {"exportedproject7.json": "{}", "source/letter.txt": "..."}
        for person in people:
            folder = "curation" if person == "CURATION_USER" else "annotation"
            content = packed(tmp_path / "inner.zip", text).read_bytes()
            files[f"{folder}/letter.txt/{person}.zip"] = content
        return packed(tmp_path / "project.zip", files)

    return make


def test_a_project_of_one_person(project):
    path = project("INITIAL_CAS", "ana")
    assert formats.recognise(path) == "cas_xmi"
    assert read(path) == (["letter.txt:1", "letter.txt:2"], FOUND, LEFT_OUT)


def test_a_project_of_several_people_asks_for_one(project):
    path = project("INITIAL_CAS", "ana", "CURATION_USER")
    with pytest.raises(InputError, match=r"with --annotator\. Received: CURATION_USER, ana in .*project\.zip$"):
        read(path)
    _, found, left_out = read(path, annotator="CURATION_USER")
    assert (found, left_out) == (FOUND, {**LEFT_OUT, "texts of other annotators": 1})
    with pytest.raises(InputError, match=r"--annotator must be one of CURATION_USER, ana\. Received: bo"):
        read(path, annotator="bo")


def test_texts_that_nobody_annotated_are_left_out(project):
    with pytest.raises(InputError, match=r"contains no sentences: texts that nobody annotated \(.*INITIAL_CAS.zip"):
        read(project("INITIAL_CAS"))


def test_a_project_of_json_files_and_its_unpacked_folder(tmp_path):
    files = {"exportedproject7.json": '{"name": "x"}', "annotation/letter.txt/ana.json": JSON.read_bytes()}
    path = packed(tmp_path / "project.zip", files)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "folder")
    for export in (path, tmp_path / "folder"):
        assert formats.recognise(export) == "cas_json"
        assert read(export) == (["letter.txt:1", "letter.txt:2"], FOUND, LEFT_OUT)


def test_a_text_that_cannot_be_read_is_left_out_among_others(tmp_path):
    files = {"a.json": JSON.read_bytes(), "b.json": b'{"%TYPES": {}, "%FEATURE_STRUCTURES": 3, "%VIEWS": 3}'}
    _, found, left_out = read(packed(tmp_path / "a.zip", files))
    assert (found, left_out) == (FOUND, {**LEFT_OUT, "malformed texts": 1})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda xmi, types: types.unlink(), r"one file TypeSystem\.xml\. Received: 0 in .*letter\.xmi\)"),
        (lambda xmi, types: types.write_text("<a"), r"A CAS must be valid\. Received: XMLSyntaxError in"),
        (
            lambda xmi, types: xmi.write_text(xmi.read_text().replace("?><xmi", "?><!DOCTYPE a><xmi")),
            r"must not have a document type declaration\. Received: one in",
        ),
        (
            lambda xmi, types: xmi.write_bytes(
                xmi.read_text().replace("?><xmi", "?><!DOCTYPE a><xmi").encode("utf-16")
            ),
            r"must not have a document type declaration\. Received: one in",
        ),
        (
            lambda xmi, types: xmi.write_text(
                xmi.read_text().replace('begin="21" end="25" value', 'begin="1" end="25" a')
            ),
            r"A CAS must be valid\. Received: TypeError in",
        ),
        (
            lambda xmi, types: xmi.write_text(
                xmi.read_text().replace('begin="21" end="25" value', 'begin="1" end="25" value')
            ),
            r"Offsets must be between characters\. Received: Not mapping external offset \[1\]",
        ),
    ],
    ids=["no types", "types", "declaration", "declaration in UTF-16", "feature", "half a character"],
)
def test_xmi_that_cannot_be_read(tmp_path, change, message):
    shutil.copytree(XMI, tmp_path / "a")
    change(tmp_path / "a" / "letter.xmi", tmp_path / "a" / "TypeSystem.xml")
    with pytest.raises(InputError, match=f"contains no sentences: malformed texts .*{message}"):
        read(tmp_path / "a")


@pytest.mark.parametrize(("path", "module", "name"), [(XMI, cas_xmi, "_checked"), (JSON, cas_json, "decoded")], ids=str)
def test_a_fault_of_our_own_is_not_called_an_invalid_cas(monkeypatch, path, module, name):
    monkeypatch.setattr(module, name, lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        formats.read(path)


def test_annotations_without_known_type_are_counted(tmp_path):
    shutil.copytree(XMI, tmp_path / "a")
    types = tmp_path / "a" / "TypeSystem.xml"
    types.write_text(types.read_text().replace("webanno.custom.Job", "webanno.custom.Other"))
    assert read(tmp_path / "a")[2]["annotations of unknown types"] == 1


def test_absolute_names_in_an_archive_are_inside_it(tmp_path):
    path = packed(tmp_path / "a.zip", {"/b/c.json": b"{}"})
    assert [file.path for file in projects.members(path)] == [path / "b" / "c.json"]


def test_damaged_archives_are_refused(tmp_path):
    path = packed(tmp_path / "a.zip", {"a.xmi": "x" * 999, "TypeSystem.xml": "<a/>"})
    data = bytearray(path.read_bytes())
    data[40:50] = b"?" * 10
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"malformed texts .*Cannot read .*a\.zip/a\.xmi: bad CRC"):
        formats.read(path)
    path = packed(tmp_path / "b.zip", {"a.ser": "x"})
    with pytest.raises(InputError, match=r"in one of the formats .*Received: a ZIP archive with a\.ser in .*b\.zip$"):
        formats.read(path)


def test_archives_of_other_kinds_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.xmi", "x")
    with pytest.raises(InputError, match=r"must be stored or deflated\. Received: compression method 14 in .*a\.xmi$"):
        formats.read(path, "cas_xmi")
    content = packed(path, {"a.xmi": "x", "TypeSystem.xml": "<a/>"}).read_bytes()
    data = bytearray(content)
    # Bit 0 of the flags of the first file, in its header and in the directory: encrypted.
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"must not be encrypted\. Received: .*a\.zip/a\.xmi$"):
        formats.read(path, "cas_xmi")
    path.write_bytes(content)
    monkeypatch.setattr(projects, "_LARGEST", 2)
    with pytest.raises(InputError, match=r"at most 2 bytes\. Received: 4 in .*TypeSystem\.xml$"):
        formats.read(path, "cas_xmi")


def test_an_archive_of_many_files_is_opened_once(tmp_path, monkeypatch):
    path = packed(tmp_path / "a.zip", {f"{number}.json": JSON.read_bytes() for number in range(9)})
    opened = []
    monkeypatch.setattr(
        projects.zipfile, "ZipFile", lambda source, real=zipfile.ZipFile: opened.append(1) or real(source)
    )
    assert len({file.read() for file in projects.members(path)}) == len(opened) == 1


def test_only_archives_of_a_folder_are_opened_to_list_it(tmp_path, monkeypatch):
    for name in ("a.txt", "b.json", "c.zip"):
        packed(tmp_path / name, {"d.json": b"{}"})
    looked, real = [], zipfile.is_zipfile
    monkeypatch.setattr(projects.zipfile, "is_zipfile", lambda path: looked.append(path.name) or real(path))
    assert [file.path.name for file in projects.members(tmp_path)] == ["a.txt", "b.json", "d.json"]
    assert looked == ["c.zip"]


def test_without_the_library_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cassis", None)
    for call in (lambda: formats.read(JSON), lambda: formats.write([ann()], tmp_path / "a", "cas_json")):
        with pytest.raises(InputError, match=r'^cassis is not installed\. Install it with: pip install "\.\[cas\]"'):
            call()
    assert not list(tmp_path.iterdir())


WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5)


@pytest.mark.parametrize("format", ["cas_json", "cas_xmi"])
@settings(deadline=None, max_examples=20)
@given(documents(WORDS, spaced=True))
def test_entities_and_relations_come_back(tmp_path_factory, format, drawn):
    path = tmp_path_factory.getbasetemp() / f"round-{format}"
    shutil.rmtree(path, ignore_errors=True)
    formats.write(drawn, path, format)
    found = formats.read(path, format, reading=Reading(sentences="text", strict=True))
    assert Counter(map(content, found)) == Counter(map(content, drawn))


def content(document):
    entities, relations = shown(document)
    return document.text, tuple(sorted(entities)), tuple(sorted(relations))


@pytest.mark.parametrize("format", ["cas_json", "cas_xmi"])
def test_documents_of_several_sentences_and_names_of_files(tmp_path, format):
    text = "Ann left. Bo left."
    offsets = [(0, 3), (4, 8), (8, 9), (10, 12), (13, 17), (17, 18)]
    tokens = [text[start:end] for start, end in offsets]
    document = Document(tokens, text=text, offsets=offsets, sentences=[(0, 3), (3, 6)], id="../a b.txt")
    others = [replace(document, id=id) for id in ("A/b", "a_b", "")]
    formats.write([document, *others], tmp_path / "a", format)
    names = {path.stem for path in (tmp_path / "a").iterdir()} - {"TypeSystem"}
    assert names == {"__a_b", "A_b", "a_b_3", "document_000004"}
    assert sorted(read(tmp_path / "a")[0]) == sorted(
        f"{id}:{number}" for id in ("../a b.txt", "A/b", "a_b", "document_000004") for number in (1, 2)
    )


def test_written_json_has_the_layers_of_inceptions_wizard(tmp_path):
    formats.write([ann()], tmp_path / "a", "cas_json")
    content = json.loads((tmp_path / "a" / "7.json").read_text(encoding="utf-8"))
    assert {"custom.Span", "custom.Relation"} <= set(content["%TYPES"])
    spans = {item["%ID"]: item for item in content["%FEATURE_STRUCTURES"] if item["%TYPE"] == "custom.Span"}
    links = [item for item in content["%FEATURE_STRUCTURES"] if item["%TYPE"] == "custom.Relation"]
    assert [(item["begin"], item["end"], item["label"]) for item in spans.values()][0] == (0, 7, "Peop")
    assert [
        (spans[item["@Governor"]]["label"], spans[item["@Dependent"]]["label"], item["label"]) for item in links
    ] == [
        ("Peop", "Org", "Work_For"),
        ("Peop", "Loc", "Live_In"),
    ]


def test_xmi_gets_blanks_for_what_xml_cannot_represent(tmp_path):
    document = Document(["Ann", "left\x0c"], text="Ann\x01left\x0c", offsets=[(0, 3), (4, 9)])
    formats.write([document], tmp_path / "a", "cas_xmi")
    assert formats.read(tmp_path / "a")[0].text == "Ann left "
