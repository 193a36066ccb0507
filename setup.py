"""Packaging. The bounds are those that were tried together; the comments say what breaks beyond them."""

import runpy
from pathlib import Path

from setuptools import find_packages, setup

# Two stacks, see docs/install.md. The named one is where wheels of tensorflow-addons are.
_NAMED = "python_version < '3.12' and platform_machine == 'x86_64' and sys_platform != 'win32'"
_CURRENT = "python_version >= '3.12' or platform_machine != 'x86_64' or sys_platform == 'win32'"


def _where(marker: str, *requirements: str) -> list[str]:
    return [f"{requirement}; {marker}" for requirement in requirements]


NAMED_STACK = _where(
    _NAMED,
    "tensorflow>=2.15.1,<2.16",  # 2.16 moves to Keras 3, which tensorflow-addons cannot import
    "tensorflow-addons==0.23.0",  # the last one
    "tensorflow-text>=2.15,<2.16",
    "tensorflow-serving-api>=2.15.1,<2.16",
    "grpcio-health-checking>=1.48.2,<1.63",  # later ones need protobuf 5
    "numpy>=1.23.5,<2",
    "protobuf>=4.21,<5",  # TensorFlow 2.15 cannot use later ones
)
CURRENT_STACK = [
    *_where(
        _CURRENT,
        "tensorflow>=2.21,<2.22",
        "tf-keras>=2.21,<2.22",  # Keras 2, which the code is written for
        "tensorflow-serving-api>=2.21,<2.22",
        "grpcio-health-checking>=1.63,<2",
        "numpy>=2,<3",
        "protobuf>=6.31,<8",
    ),
    # No wheels for Windows. Only encoders with word pieces need it.
    *_where(f"({_CURRENT}) and sys_platform != 'win32'", "tensorflow-text>=2.21,<2.22"),
]
BOTH_STACKS = [
    "tensorflow-hub>=0.16.1,<0.17",
    "tensorboard>=2.15,<2.22",
    "setuptools<82",  # tensorflow-hub and TensorBoard import pkg_resources, which 82 no longer has
    "keras-tuner>=1.4.7,<1.5",
    "grpcio>=1.48.2,<2",
    "filelock>=3.12,<5",
    "h11>=0.16,<1",
    "h5py>=3.8,<4",
    "jinja2>=3,<4",
    "lmdb>=1.4,<3",
    "matplotlib>=3.7,<4",
    "platformdirs>=4,<5",
    "pooch>=1.8,<2",
    "pydantic>=2.7,<3",
    "pyyaml>=6,<7",
    "requests>=2.25,<3",
    "rich>=13,<16",
    "safetensors>=0.4,<1",
    "scikit-learn>=1.3,<2",
    # Newer ones are compiled and have no wheels for every machine with these Pythons.
    "sentencex>=0.6.1,<1; python_version < '3.11'",
    "sentencex>=1.0.32,<2; python_version >= '3.11'",
    "starlette>=0.49,<2",  # 0.49 and uvicorn 0.39 are the last ones for Python 3.9
    "tqdm>=4.60,<5",
    "uvicorn>=0.39,<1",
]

SPACY = [
    *_where(_NAMED, "spacy>=3.7.5,<3.8"),  # 3.8 needs numpy 2
    *_where(_NAMED, "typer<0.20", "typer-slim<0.20"),  # later ones come without click, which spaCy 3.7 imports
    *_where(_CURRENT, "spacy>=3.8,<4"),
]
CAS = ["dkpro-cassis>=0.10.1,<0.13"]  # 0.10 on Python 3.9; it brings lxml, 16 MB
FRAMES = ["pandas>=2.0,<4", "networkx>=3.0,<4", "scipy>=1.9,<2"]  # networkx lays out large graphs with scipy
NOTEBOOKS = [
    "ipykernel>=6,<8",
    "ipywidgets>=8,<9",  # without it tqdm warns
    "nbclient>=0.8,<1",
    "nbconvert>=7,<8",
    "nbformat>=5.7,<6",
    *SPACY,
    *FRAMES,
]

DOCS = [
    "latex2mathml>=3.77,<4",
    "mkdocs>=1.6,<2",
    "mkdocs-material>=9.5,<10",
    "mkdocstrings[python]>=0.26,<2",
]

HERE = Path(__file__).parent

setup(
    name="cman-tf",
    version=runpy.run_path(str(HERE / "cman_tf" / "version.py"))["__version__"],
    description="Joint entity and relation extraction with the Cross-Modal Attention Network, in Keras/TensorFlow",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.9,<3.14",
    packages=find_packages(include=["cman_tf*", "export*", "tuning*"]),
    package_data={
        "cman_tf": [
            "py.typed",
            "config/presets/*.yaml",
            "data/sample/*",
            "evaluation/page/*",
            "training/models/*/*",
            "training/models/*/vocabulary/*",
        ],
        "export": ["py.typed", "deploy/*", "serving/page/*"],
        "tuning": ["py.typed", "space.yaml", "deploy/*", "page/*"],
    },
    install_requires=[*NAMED_STACK, *CURRENT_STACK, *BOTH_STACKS],
    extras_require={
        "spacy": SPACY,
        "cas": CAS,
        "mlflow": ["mlflow>=2.9,<4"],  # not in dev: 800 MB with what it brings
        "beam": ["apache-beam>=2.59,<2.78"],  # the oldest and the newest tried; protobuf 4, from above, suits them
        "frames": FRAMES,
        "notebooks": NOTEBOOKS,
        "docs": DOCS,
        "dev": [
            *SPACY,
            *CAS,
            *FRAMES,
            "hypothesis>=6.100,<7",
            "import-linter>=2.0,<3",
            "jsonschema>=4,<5",
            "mypy>=2,<3; python_version >= '3.10'",  # earlier versions report errors that this one does not
            "pytest>=8,<9",  # from pytest 9 on the groups of pytest-xdist 3.8 do nothing
            "pytest-xdist>=3.5,<4",
            "ruff>=0.6,<0.18",
            "uv>=0.5,<1",
        ],
        # What the converted encoders are measured against. The last minor version tried with TensorFlow 2.15.
        "parity": ["transformers>=4.46.3,<4.47"],
    },
    entry_points={
        "console_scripts": [
            "cman=cman_tf.commands.main:main",
        ],
        "spacy_factories": ["cman=cman_tf.interop.component:make_component"],
    },
)
