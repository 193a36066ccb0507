"""Figures that a text repeats are those of the page that was made from files."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_readme_repeats_the_page_of_results():
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8").splitlines()
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith(("| conll04/", "| ade/", "| *"))]
    assert len(rows) > 3
    assert [row for row in rows if row not in page] == []


def test_the_page_of_the_shipped_model_repeats_its_files():
    page = (ROOT / "docs" / "news.md").read_text(encoding="utf-8")
    assert (ROOT / "results" / "few" / "table.md").read_text(encoding="utf-8") in page
    for corpus in ("sample", "conll04"):
        scores = json.loads((ROOT / "results" / "news" / f"{corpus}.json").read_text(encoding="utf-8"))["strict"][
            "micro"
        ]
        entities, relations = (100 * scores[item]["f1"] for item in ("entities", "relations"))
        assert f"| {entities:.2f} | {relations:.2f} |" in page
    agreement = json.loads((ROOT / "results" / "sample" / "agreement.json").read_text(encoding="utf-8"))
    assert (
        f"{100 * agreement['entities F1']:.1f} for entities and {100 * agreement['relations F1']:.1f}"
        in page.replace("\n", " ")
    )
    assert f"{agreement['sentences'] - agreement['sentences that agree']} sentences" in page


def test_the_page_on_formats_repeats_the_memory_of_long_texts():
    page = " ".join((ROOT / "docs" / "reference" / "formats.md").read_text(encoding="utf-8").split())
    found = json.loads((ROOT / "benchmarks" / "results" / "pages.json").read_text(encoding="utf-8"))["pages"]
    words, most, least = found["300"]["words"], found["300"]["peak_mb"], found["30"]["peak_mb"]
    assert (
        f"300 pages ({words:,} words) in one file were predicted with {most:,} MB, 30 pages with {least:,} MB" in page
    )
    assert most <= 1.2 * least


def test_the_page_on_serving_repeats_the_figures_of_fairness():
    page = " ".join((ROOT / "docs" / "serving.md").read_text(encoding="utf-8").split())
    found = json.loads((ROOT / "benchmarks" / "results" / "fairness.json").read_text(encoding="utf-8"))
    alone, beside = found["alone"]["p50"], found["beside"]["p50"]
    assert f"a median of {alone:.0f} ms alone and {beside:.0f} ms beside" in page
    assert f"{found['ratio']:.2f} times" in page
    assert f"from {found['alone']['p99']:.0f} to {found['beside']['p99']:.0f} ms" in page
    assert sum(found["beside"]["refused"].values()) == 0
    assert found["ratio"] <= 5


def test_the_gain_of_fitted_thresholds_is_that_of_its_files():
    own = " ".join((ROOT / "docs" / "howto" / "own_corpus.md").read_text(encoding="utf-8").split())
    page = " ".join((ROOT / "docs" / "explanation" / "evaluation.md").read_text(encoding="utf-8").split())
    before, after = (
        json.loads((ROOT / "results" / "news" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("sample", "sample_calibrated")
    )
    gains, errors = [], []
    for kind in ("entities", "relations"):
        scores = [100 * item["strict"]["micro"][kind]["f1"] for item in (before, after)]
        gains.append("from {:.1f} to {:.1f} for {}".format(*scores, kind))
        confidence = after["confidence"][kind]
        parts = confidence["before_calibration"], confidence["reliability"]
        numbers = [100 * part["expected_calibration_error"] for part in parts]
        errors.append("from {:.1f} to {:.1f} % for {}".format(*numbers, kind))
    assert " and ".join(gains) in own
    assert " and ".join(errors) in page
