"""All hyper-parameters with type, range, default, unit and the source of the default.

'not in the paper' marks values that Zhao et al. (2020) do not state.
"""

from __future__ import annotations

from typing import Any, Literal, Optional

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

MOST_PROJECTIONS = 50
"""Most relation types for which `relation_projection: auto` is eq. 9; its time and memory grow with their square."""

LEAST_EPOCHS, LEAST_SEEN, MOST_EPOCHS = 30, 12_000, 600
"""For `epochs: 0`: smallest number of epochs, sentences seen in all of them, and largest number of epochs."""

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


def _field(default: Any, help: str, **limits: Any) -> Any:
    # Strict for numbers and switches: otherwise true would be accepted as 1, and the text "3" as a number.
    return Field(default, description=help, strict=isinstance(default, (int, float)) or None, **limits)


@dataclass(frozen=True, config=_STRICT)
class CorpusConfig:
    """The corpus and its splits."""

    name: str = _field("sample", "sample, conll04, ade, or a folder with train, dev and test files")
    variant: Literal["spert", "multihead"] = _field("spert", "public split of CoNLL04; not in the paper")
    fold: int = _field(0, "fold of ADE", ge=0, le=9)
    overlap: Literal["error", "drop_sentences", "keep_outer", "keep_inner"] = _field(
        "error", "policy for overlapping entities, which BIO tags cannot represent; not in the paper"
    )
    extra: Optional[str] = _field(
        None,
        "another corpus, all of whose sentences are added to the training sentences; not in the paper",
    )
    data_dir: Optional[str] = _field(None, "folder with copies of the public corpora, instead of a download")
    language: str = _field(
        "en",
        "language of the texts of a corpus with character offsets, such as de, for the sentence splitter; other "
        "formats have sentences",
    )


@dataclass(frozen=True, config=_STRICT)
class WordsConfig:
    """Word embeddings (paper, 3.1)."""

    size: int = _field(50, "width of the vectors, unless a vector file sets it; not in the paper", ge=1)
    vectors: Optional[str] = _field(
        None, "GloVe or word2vec text file; without one, initial vectors are random; not in the paper"
    )
    trainable: bool = _field(True, "whether the vectors of training words are trained; not in the paper")
    lowercase: bool = _field(True, "whether words are looked up in lower case; not in the paper")
    tokenizer: Literal["unicode2", "unicode", "conll04"] = _field(
        "unicode2",
        "tokenizer of raw text: unicode is that of earlier runs, conll04 that of runs without this field; not in the "
        "paper",
    )
    min_count: int = _field(2, "rarer words without a vector are unknown; not in the paper", ge=1)


@dataclass(frozen=True, config=_STRICT)
class CharactersConfig:
    """Character BiLSTM (paper, 3.1)."""

    size: int = _field(128, "width of the character embeddings (paper, 4.1)", ge=1)
    hidden_size: int = _field(64, "width of the character LSTM per direction; not in the paper", ge=1)
    max_length: int = _field(32, "number of characters read from the start of a word; not in the paper", ge=1)


@dataclass(frozen=True, config=_STRICT)
class EncoderConfig:
    """Pretrained contextual encoders beside words and characters (the paper: ELMo, frozen)."""

    modules: tuple[str, ...] = _field(
        (),
        "addresses, folders or names of encoder modules, separated by commas; their vectors are concatenated; the "
        "paper's is ELMo, the default none; not in the paper",
    )
    projection: int = _field(
        0, "width that the contextual vectors are projected to; 0 = no projection, the paper's form", ge=0
    )
    trainable: bool = _field(False, "whether the encoders' own weights are trained (paper: frozen)")
    learning_rate: float = _field(
        3e-5, "learning rate of the encoders' own weights, if they are trained; not in the paper", gt=0
    )
    layer_decay: float = _field(0.9, "factor on that rate for each layer below the last; not in the paper", gt=0, le=1)
    store: Optional[str] = _field(
        None, "folder for the vectors of frozen encoders; without one, $CMAN_TF_STORE or the user's cache folder"
    )
    store_gb: float = _field(32.0, "maximum size of the stored vectors of an encoder, in gigabytes", gt=0)


@dataclass(frozen=True, config=_STRICT)
class ModelConfig:
    """The network (paper, 3.2 to 3.4)."""

    hidden_size: int = _field(128, "d: width of every LSTM per direction, tokens are 2d wide (paper, 4.1)", ge=1)
    num_heads: int = _field(4, "z: heads of every attention, a divisor of 2d; not in the paper", ge=1)
    bsa_units: int = _field(2, "m: number of BSA units (paper, 4.1)", ge=1)
    label_size: int = _field(25, "d_l: width of the label embeddings (paper, 4.1)", ge=1)
    relation_size: int = _field(128, "width of the hidden layer that scores a pair; eq. 9 implies d", ge=1)
    relation_projection: Literal["auto", "per_relation", "shared"] = _field(
        "auto",
        "U, W, b, V for each relation (eq. 9), or U, W, b shared (Bekoulis et al., 2018); auto: for each "
        f"relation up to {MOST_PROJECTIONS} types, else shared; not in the paper",
    )
    relation_prior: float = _field(
        0.5,
        "initial probability of a relation, set by a bias that eq. 9 lacks; 0.5 = eq. 9, no bias; not in the paper",
        gt=0,
        le=0.5,
    )
    pair_context: int = _field(
        0,
        "width of further features of a pair: the text between its two tokens, and their distance; 0 = eq. 9, the "
        "tokens alone; not in the paper",
        ge=0,
    )
    encoder: Literal["bilstm", "mlp"] = _field("bilstm", "layer before each attention; mlp: Table 4, row 5")
    bsa_attention: bool = _field(True, "self-attention in the BSA units; false: Table 4, row 2")
    bla: bool = _field(True, "label attention; false: Table 4, row 3 (with bsa_attention false: row 4)")
    embedding_dropout: float = _field(0.2, "dropout rate on token embeddings (paper, 4.1)", ge=0, lt=1)
    lstm_dropout: float = _field(0.1, "dropout rate on BiLSTM outputs (paper, 4.1: .1 CoNLL04, .3 ADE)", ge=0, lt=1)
    relation_dropout: float = _field(0.0, "dropout rate on the token vectors of pairs; not in the paper", ge=0, lt=1)


@dataclass(frozen=True, config=_STRICT)
class TrainingConfig:
    """Optimisation (paper, 3.5 and 4.1)."""

    epochs: int = _field(
        180,
        f"passes over the training sentences (paper, 4.1); 0 = {LEAST_EPOCHS}, or up to {MOST_EPOCHS} for few "
        f"sentences, so that {LEAST_SEEN:,} are seen, repetitions included",
        ge=0,
    )
    batch_size: int = _field(16, "sentences per step; not in the paper", ge=1)
    micro_batch: int = _field(
        0,
        "maximum number of sentences per gradient computation, to save memory; the step stays the same; 0 = the whole "
        "batch; batches with long sentences are always split",
        ge=0,
    )
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = _field(
        "float32",
        "precision of training steps; mixed: matrix products in half precision, for GPUs; weights, losses and "
        "predictions stay float32; not in the paper",
    )
    learning_rate: float = _field(5e-4, "learning rate of Adam (paper, 4.1)", gt=0)
    schedule: Literal["constant", "linear"] = _field("constant", "constant, or linear decay to 0; not in the paper")
    warmup_epochs: float = _field(0.0, "epochs in which the rate rises from 0; not in the paper", ge=0)
    clip_norm: float = _field(5.0, "maximum global norm of a gradient, 0 = no limit; not in the paper", ge=0)
    adversarial_alpha: float = _field(
        0.01,
        "alpha: size of the adversarial perturbation in units of the square root of the embedding's width, 0 = off; "
        "value of Bekoulis et al. (2018)",
        ge=0,
    )
    relation_negatives: float = _field(
        1.0,
        "probability that the relation loss includes the pairs of a token that does not end an entity; 1 = all pairs, "
        "eq. 12; not in the paper",
        ge=0,
        le=1,
    )
    average_decay: float = _field(
        0.0,
        "decay per step of the exponential moving average of weights, which is evaluated; 0 = off; not in the paper",
        ge=0,
        lt=1,
    )
    joined: float = _field(
        0.0,
        "share of the gradient computations in which the relation network reads every two sentences of the batch (or "
        "`micro_batch`) as one, to learn that entities far apart are seldom related; not in the paper",
        ge=0,
        le=1,
    )
    teacher: Optional[str] = _field(
        None,
        "run folder of a trained network or ensemble whose probabilities are learnt beside the annotation; it must not "
        "have been trained on the dev or test sentences of this corpus; not in the paper",
    )
    teacher_weight: float = _field(
        0.5,
        "share of the teacher's probabilities in the targets, the rest is the annotation; not in the paper",
        gt=0,
        le=1,
    )
    callbacks: tuple[Literal["mlflow", "tensorboard"], ...] = _field(
        (),
        "experiment trackers, as a list: mlflow (configuration, losses and scores), tensorboard (histograms of the "
        "weights; losses and scores are in logs/ anyway)",
    )


@dataclass(frozen=True, config=_STRICT)
class DecodingConfig:
    """Decoding of scores to entities and relations."""

    threshold: float = _field(0.5, "probability above which a relation is predicted; not in the paper", gt=0, lt=1)
    entity_threshold: float = _field(
        0.0,
        "probability below which a decoded entity is left out, with its relations; 0 = none is; not in the paper",
        ge=0,
        lt=1,
    )
    bio_constrained: bool = _field(False, "whether an I- tag must follow its B- or I-; not in the paper")
    type_constrained: bool = _field(
        False, "whether relations must have a type signature of the training data; not in the paper"
    )
    rules: tuple[str, ...] = _field(
        (),
        "rules of the relations in a sentence, as a list: one_type_per_pair, one_tail:TYPE (of a head), one_head:TYPE "
        "(of a tail), symmetric:TYPE, inverse:TYPE=TYPE, and learnt: those that hold in the training data; not "
        "in the paper",
    )


@dataclass(frozen=True, config=_STRICT)
class Config:
    """The whole configuration, as `--config` reads it and a run folder stores it."""

    corpus: CorpusConfig = Field(default_factory=CorpusConfig)
    words: WordsConfig = Field(default_factory=WordsConfig)
    characters: CharactersConfig = Field(default_factory=CharactersConfig)
    encoder: EncoderConfig = Field(default_factory=EncoderConfig)
    model: ModelConfig = Field(default_factory=ModelConfig)
    training: TrainingConfig = Field(default_factory=TrainingConfig)
    decoding: DecodingConfig = Field(default_factory=DecodingConfig)
    start_from: Optional[str] = _field(
        None,
        "run folder or shipped model to start from: its weights where they fit and, without --config, its "
        "configuration with the training of the preset start; not in the paper",
    )
    seed: int = _field(1, "seed of weights, order and dropout; not in the paper", ge=0, le=2**32 - 1)
    protocol: Literal["train", "train+dev"] = _field(
        "train",
        "train: dev selects the epoch; train+dev: both are trained on, and the last epoch is kept; not in the paper",
    )

    def __post_init__(self) -> None:
        width = 2 * self.model.hidden_size
        if width % self.model.num_heads:
            raise ValueError(
                "2 * `model.hidden_size` must be a multiple of `model.num_heads`. Received: "
                f"hidden_size={self.model.hidden_size}, num_heads={self.model.num_heads}"
            )
        if self.training.joined and 1 in (self.training.batch_size, self.training.micro_batch):
            raise ValueError(
                "`training.joined` requires a `batch_size` and a `micro_batch` of two or more sentences. Received: "
                f"batch_size={self.training.batch_size}, micro_batch={self.training.micro_batch}"
            )


PLACES = (
    "corpus.name",
    "corpus.extra",
    "corpus.data_dir",
    "words.vectors",
    "encoder.modules",
    "encoder.store",
    "start_from",
    "training.teacher",
)
"""Fields that name places on disk. A resumed run may change them, but the content there must be the same."""

RESUMABLE = (*PLACES, "training.callbacks")
"""Fields that a resumed run may change."""

WITHOUT_EFFECT = (
    "corpus.data_dir",
    "encoder.store",
    "encoder.store_gb",
    "training.callbacks",
    "words.size",
    "words.tokenizer",
)
"""Fields that do not change a result: places of copies, trackers, a width that the file of word vectors sets, and the
tokenizer, because the public corpora have tokens."""

ADDED = ("start_from",)
"""Fields that are newer than the format of run folders. A run without one was trained with its default."""

BEFORE = {"words.tokenizer": "conll04", "model.relation_projection": "per_relation"}
"""Values of fields with which a run without them was trained, if that is not the default."""
