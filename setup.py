"""Packaging. The bounds are those that were tried together; the comments say what breaks beyond them."""

import runpy
from pathlib import Path

from setuptools import find_packages, setup

SPACY = [
    "spacy>=3.7.5,<3.8",  # 3.8 needs numpy 2
    "typer<0.20",  # later ones come without click, which spaCy 3.7 imports
    "typer-slim<0.20",
]
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
    python_requires=">=3.9,<3.12",  # TensorFlow 2.15 has no wheels beyond
    packages=find_packages(include=["cman_tf*", "export*", "tuning*"]),
    package_data={
        "cman_tf": ["py.typed", "config/presets/*.yaml", "data/sample/*", "evaluation/page/*"],
        "export": ["py.typed", "deploy/*"],
        "tuning": ["py.typed", "space.yaml", "deploy/*", "page/*"],
    },
    install_requires=[
        "tensorflow>=2.15.1,<2.16",  # 2.16 moves to Keras 3, which tensorflow-addons cannot import
        "tensorflow-addons==0.23.0",  # the last one
        "tensorflow-hub>=0.16.1,<0.17",
        "tensorflow-text>=2.15,<2.16",  # its operations are linked into stock TensorFlow Serving
        "keras-tuner>=1.4.7,<1.5",
        "tensorflow-serving-api>=2.15.1,<2.16",
        "grpcio>=1.48.2,<2",
        "grpcio-health-checking>=1.48.2,<1.63",  # later ones need protobuf 5
        "numpy>=1.23.5,<2",
        "protobuf>=4.21,<5",  # TensorFlow 2.15 cannot use later ones
        "filelock>=3.12,<5",
        "h5py>=3.8,<4",
        "jinja2>=3,<4",
        "lmdb>=1.4,<2",
        "matplotlib>=3.7,<4",
        "platformdirs>=4,<5",
        "pooch>=1.8,<2",
        "pydantic>=2.7,<3",
        "pyyaml>=6,<7",
        "requests>=2.25,<3",
        "rich>=13,<16",
        "scikit-learn>=1.3,<2",
        "tqdm>=4.60,<5",
    ],
    extras_require={
        "convert": ["safetensors>=0.4,<1"],
        "spacy": SPACY,
        "beam": ["apache-beam>=2.59,<2.78"],  # the oldest and the newest tried; protobuf 4, from above, suits them
        "frames": FRAMES,
        "notebooks": NOTEBOOKS,
        "docs": DOCS,
        "dev": [
            *SPACY,
            *FRAMES,
            "hypothesis>=6.100,<7",
            "import-linter>=2.0,<3",
            "jsonschema>=4,<5",
            "mypy>=1.11,<3",
            "pytest>=8,<9",  # from pytest 9 on the groups of pytest-xdist 3.8 do nothing
            "pytest-xdist>=3.5,<4",
            "ruff>=0.6,<0.18",
            "safetensors>=0.4,<1",
        ],
        # What the converted encoders are measured against. The last minor version tried with TensorFlow 2.15.
        "parity": ["safetensors>=0.4,<1", "transformers>=4.46.3,<4.47"],
    },
    entry_points={
        "console_scripts": [
            "cman=cman_tf.commands.main:main",
        ],
        "spacy_factories": ["cman=cman_tf.interop.component:make_component"],
    },
)
