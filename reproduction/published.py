"""Published figures for comparison: strict micro F1 in percent, `(entities, relations)`."""

from __future__ import annotations

# Tables 1 and 2 of Zhao et al. (2020), by corpus. ADE: mean of ten folds.
ROWS = {
    "conll04": {
        "Multi-head + AT (Bekoulis et al., 2018)": (83.61, 61.95),
        "SpERT (Eberts and Ulges, 2019), BERT": (88.94, 71.47),
        "CMAN, the paper's figures, ELMo": (90.62, 72.97),
    },
    "ade": {
        "SpERT (Eberts and Ulges, 2019), BERT": (89.25, 79.24),
        "CMAN, the paper's figures, ELMo": (89.40, 81.14),
    },
}

# Another model with the same encoder. Its run is not in the repository.
SAME_ENCODER = {"SpERT fine-tuning all-MiniLM-L6-v2, protocol train, 20 epochs, one seed": (83.79, 62.10)}

# Table 4 of Zhao et al. (2020), ELMo, by the name of the experiment here. None: not in that table.
ABLATIONS: dict[str, tuple[str, float | None, float | None]] = {
    "whole": ("CMAN", 90.62, 72.97),
    "no_self_attention": ("- self-attention in BSA", 90.16, 70.18),
    "no_bla": ("- BLA unit", 90.57, 70.84),
    "no_units": ("- both units", 89.34, 68.95),
    "mlp": ("BiLSTM replaced with MLP", 89.82, 70.34),
    "no_adversarial": ("- adversarial training (not in Table 4)", None, None),
}
