"""Damaged files of every format: either documents are read, or an `InputError` says in one sentence what is wrong."""

import json
import random
import re
import shutil
import zipfile

import pytest

from cman_tf.data import formats
from cman_tf.data.document import Document
from cman_tf.data.formats.losses import Reading
from cman_tf.errors import InputError
from tests.data.examples import AVAILABLE, ann, entities_only
from tests.data.formats.test_cases import CASES


def tokenize(texts):
    """Words and signs, without the graph of the package's tokenizer: fast."""
    found = [[match.span() for match in re.finditer(r"\w+|[^\w\s]", text)] for text in texts]
    return [
        Document([text[start:end] for start, end in spans], text=text, offsets=spans)
        for text, spans in zip(texts, found)
    ]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Valid files and folders of each format: the cases, what the package writes, and an archive."""
    folder = tmp_path_factory.mktemp("sources")
    found = {name: [] for name in formats.FORMATS}
    for path in CASES.iterdir():
        found[formats.recognise(path)].append(path)
    for name in AVAILABLE:
        document = ann().with_annotation(entities_only(ann()).entities, ann().relations)
        formats.write([document, ann("8")], folder / name, name)
        found[name].append(folder / name)
    with zipfile.ZipFile(folder / "project.zip", "w") as archive:
        for file in (CASES / "inception_xmi").iterdir():
            archive.write(file, f"annotation/letter.txt/{file.name}")
    found["cas_xmi"].append(folder / "project.zip")
    return found


NUMBERS = [b"-1", b"0", b"1", b"7", b"99999", b"9" * 30, b"9" * 5000, b"1e999", b"1.5", b"NaN", b"null", b'"1"']
SIGNS = [b"[", b"{", b"]", b"}", b",", b"\n", b"\t", b";", b"<", b'"', b"\0", b"|"]
VALUES = [None, True, -1, 0, 10**30, 1.5, "", "a", "\ud800", [], {}, [None], [[]], {"id": None}]


# Each takes the content of a file and a source of random numbers, and returns the damaged content.
def cut(content, draw):
    return content[: draw.randrange(len(content))]


def other_byte(content, draw):
    place = draw.randrange(len(content))
    return content[:place] + bytes([draw.randrange(256)]) + content[place + 1 :]


def dropped(content, draw):
    place = draw.randrange(len(content))
    return content[:place] + content[place + draw.randrange(1, 30) :]


def repeated(content, draw):
    place = draw.randrange(len(content))
    return content[:place] + content[place : place + draw.randrange(1, 200)] + content[place:]


def other_number(content, draw):
    numbers = list(re.finditer(rb"-?\d+", content))
    if not numbers:
        return cut(content, draw)
    found = draw.choice(numbers)
    new = draw.choice(
        [b"-1", b"0", b"1", b"7", b"99999", b"9" * 30, b"9" * 5000, b"1e999", b"1.5", b"NaN", b"null", b'"1"']
    )
    return content[: found.start()] + new + content[found.end() :]


def other_sign(content, draw):
    place = draw.randrange(len(content))
    return (
        content[:place]
        + draw.choice([b"[", b"{", b"]", b"}", b",", b"\n", b"\t", b";", b"<", b'"', b"\0", b"|"])
        + content[place + 1 :]
    )


def other_encoding(content, draw):
    text = content.decode("utf-8", "replace")
    return text.encode(draw.choice(["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1"]), "replace")


def nested(content, draw):
    place = draw.randrange(len(content))
    opening, closing = draw.choice([(b"[", b"]"), (b'{"a":', b"}"), (b"<a>", b"</a>")])
    depth = draw.choice([5, 3000])
    return content[:place] + opening * depth + b"1" + closing * depth + content[place:]


def lines_exchanged(content, draw):
    lines = content.split(b"\n")
    draw.shuffle(lines)
    return b"\n".join(lines)


def other_value(content, draw):
    """JSON with another value at one place; a copy of an item makes ids occur twice."""
    try:
        record = json.loads(content.split(b"\n")[0] if content.startswith(b"{") else content)
    except ValueError:
        return repeated(content, draw)
    places = []

    def walk(item):
        for key in item if isinstance(item, dict) else range(len(item)):
            places.append((item, key))
            if isinstance(item[key], (dict, list)):
                walk(item[key])

    walk(record)
    if not places:
        return cut(content, draw)
    item, key = draw.choice(places)
    if isinstance(item, list) and draw.random() < 0.3:
        item.append(item[key])
    else:
        other = draw.choice(places)
        item[key] = draw.choice(
            [
                None,
                True,
                -1,
                0,
                10**30,
                1.5,
                "",
                "a",
                "\ud800",
                [],
                {},
                [None],
                [[]],
                {"id": None},
                json.loads(json.dumps(other[0][other[1]])),
            ]
        )
    return json.dumps(record).encode()


DAMAGES = (
    cut,
    other_byte,
    dropped,
    repeated,
    other_number,
    other_sign,
    other_encoding,
    nested,
    lines_exchanged,
    other_value,
)


def check(source, folder, seed):
    """Damage one file of a source in one to three ways; read it by its format and by its content."""
    draw = random.Random(seed)
    format = formats.recognise(source)
    damaged = folder / f"damaged-{source.name}"
    shutil.rmtree(damaged, ignore_errors=True)
    if source.is_dir():
        shutil.copytree(source, damaged)
        target = draw.choice(sorted(path for path in damaged.rglob("*") if path.is_file()))
    else:
        damaged.unlink(missing_ok=True)
        shutil.copyfile(source, damaged)
        target = damaged
    content = target.read_bytes()
    for _ in range(draw.randrange(1, 4)):
        content = draw.choice(DAMAGES)(content or b" ", draw)
    target.write_bytes(content)
    for name in (format, None):
        try:
            assert formats.read(damaged, name, tokenize, Reading())
        except InputError as error:
            message = str(error)
            assert "\n" not in message, message
            assert "Received: " in message or message.endswith("."), message


def run(sources, tmp_path_factory, name, examples):
    folder = tmp_path_factory.mktemp("damage")
    for source in sources[name]:
        for seed in range(examples):
            print(f"{source.name}, seed {seed}")  # shown if it fails
            check(source, folder, f"{source.name} {seed}")


@pytest.mark.parametrize("name", formats.FORMATS)
def test_any_damage_gives_documents_or_one_sentence(sources, tmp_path_factory, name):
    run(sources, tmp_path_factory, name, 10)


@pytest.mark.slow
@pytest.mark.parametrize("name", formats.FORMATS)
def test_much_damage_gives_documents_or_one_sentence(sources, tmp_path_factory, name):
    run(sources, tmp_path_factory, name, 300)
