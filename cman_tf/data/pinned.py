"""Files of the public corpora, with commit and SHA-256."""

from __future__ import annotations

# SpERT's splits of CoNLL04 and ADE (Eberts and Ulges, 2020), as stored in Coopercoppers/PFN.
_SPERT = "Coopercoppers/PFN/6173b3e6b048d1307766ee5d2f8178b30d6675b2/data"
# The multi-head split of CoNLL04 (Bekoulis et al., 2018), MIT licence.
_MULTIHEAD = "bekou/multihead_joint_entity_relation_extraction/7f40a0f7c1892821591358518c542139e88f693e/data"

_CONLL04_SPERT = {
    "train": "65c52d5b6134c72c44277c74c5ecb354bf33aa352fc7b856edf6bda0bb436eea",
    "dev": "3965a5110a79671fb74a78c0fd0113c4da6583c3833bd418c1ca414bb491e010",
    "test": "347f45cf181b5641d2373248a1af0592954415234f72536835dde1df1b504556",
}

_CONLL04_MULTIHEAD = {
    "train": "0f560fdaa150133fc4843f72e2a8e707e7f74f06a3a3095d4b9921f8d0ce3614",
    "dev": "99e854fd2a7d19247230c3ed8c304f79022380c9d21b58f25e7ffc5fe3884e2d",
    "test": "d172819deff771c059c9c6688d67c3ff2bdaa25cf71ec56b1f7e8c6705f96700",
}

_ADE = {
    "0_train": "6624ac4d015c75f551aa15a43bd05e268082d98297d18269662737f7df358365",
    "0_test": "6d6a3584d3876a35854ef703f7a7059363599ad7ed3ab9c3e6e449ae8a252e9a",
    "1_train": "811befd6d23d2aeb7cff3469d4b22d0c58fa61557b03257986ea1559042d42fe",
    "1_test": "532fa740c11466c54d06dfe4e2989bd800c046cb31c409f074b7b3d49cf99b23",
    "2_train": "c13ff04545537879e1d2fa41ed25c4e5831bbd75d2c07a4d7c0e60d2691b5b25",
    "2_test": "69c4844907809f4e76516d7e9b7f8f2fa5eab2bdf27ee0dc02bdb367e673f994",
    "3_train": "1d65b2aab0da37d3125cb0a90f6c66ad05af4ebb6f4685c4ede242cfb587cb1e",
    "3_test": "07e188e39118bd9644d4bb74ad841099853a5dfbecb035e5af2dc83a7d927495",
    "4_train": "de8cdb999563697d330d97b9ac95a5ae1c83106eb812f25b12d807c6628f28a4",
    "4_test": "937eff5f8982fff83655872fcf150876145e75a381dcedfc45e2411f47146edc",
    "5_train": "474668717b0fbcb4cf6fda984b8897b2e66f2550c9a052187c6ece012960a6cf",
    "5_test": "d01d706574d4921304d3b53a0b013fbe41d2f97439245cf768c503df1e70a9f3",
    "6_train": "c3e41dea7c11c34da7f32be45ced3a162fff30abeb0939698937fe7a83446dca",
    "6_test": "3e35e7278060f16103665a47db1480e305346f255872ced202617c6d8025bb01",
    "7_train": "3839c5f7cfd5c9e260a3a60a9c79f6ed54d21d66288413c8a2c2d8e985e9081c",
    "7_test": "6c4f25fffd1ce4fb1bf67bc54713b44f6e1abb9ca744d06a38ed88731a8d1371",
    "8_train": "9c5c698bb7d5a72e11685a63de4a6b525e073eede445eaae0d44ce42166fffcc",
    "8_test": "69fb620cc4f9fe4d35533dba74b7234ebb2c2e69a988a8945219563ad12feb3c",
    "9_train": "e863f0b8a717364fd553e55e041ea89e2a52d116e5b047cbaa1882410ab0813f",
    "9_test": "a02776d17963ada8aad5e1d4370e96d2478a8e44fd0944274ac0c44f4499b0ed",
}

PINNED = {
    **{
        f"conll04/spert/conll04_{key}.json": (f"{_SPERT}/CONLL04/{key}_triples.json", sha)
        for key, sha in _CONLL04_SPERT.items()
    },
    **{
        f"conll04/multihead/{key}.txt": (f"{_MULTIHEAD}/CoNLL04/{key}.txt", sha)
        for key, sha in _CONLL04_MULTIHEAD.items()
    },
    **{f"ade/ade_split_{key}.json": (f"{_SPERT}/ADE/raw/ade_split_{key}.json", sha) for key, sha in _ADE.items()},
}
"""Path in a data folder and in the cache -> (address below the base address, SHA-256)."""
