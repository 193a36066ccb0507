"""Figures that a text repeats are those of the page that was made from files."""

import json
import statistics
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_readme_repeats_the_page_of_results():
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8").splitlines()
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith(("| conll04/", "| ade/", "| *"))]
    assert len(rows) > 3
    assert [row for row in rows if row not in page] == []


def test_the_readme_repeats_what_starting_from_the_shipped_model_gains():
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    table = (ROOT / "results" / "few" / "table.md").read_text(encoding="utf-8").splitlines()
    [row] = [line for line in table if line.startswith("| conll04 | 50 |")]
    cells = row.split("|")
    # From the model, and as `cman fit` trains without it.
    ours, relations, plain, few = (round(float(cell.split()[0])) for cell in (*cells[4:6], *cells[8:10]))
    assert f"from {plain} to {ours} for entities and from {few} to {relations} for relations" in text


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


def test_the_page_on_your_own_corpus_repeats_the_effect_of_rules():
    page = (ROOT / "docs" / "howto" / "own_corpus.md").read_text(encoding="utf-8")
    assert (ROOT / "results" / "rules" / "table.md").read_text(encoding="utf-8") in page


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
    assert f"{found['beside']['answers']:,} answers instead of {found['alone']['answers']:,}" in page
    assert f"enough for {found['greedy']['answers']} of its answers" in page
    assert sum(found["beside"]["refused"].values()) == 0
    assert found["ratio"] <= 5


def test_the_page_on_serving_repeats_the_figures_of_its_benchmark():
    page = " ".join((ROOT / "docs" / "serving.md").read_text(encoding="utf-8").split())
    found = json.loads((ROOT / "benchmarks" / "results" / "serving.json").read_text(encoding="utf-8"))
    machine, added, gains = found["environment"], found["latency_ms"]["added"], found["gain_of_batching"]
    assert f"a load of {machine['load_at_start']:.1f} at the start and {machine['load_at_end']:.1f} at the end" in page
    rest, extract, grpc = (
        f"{abs(added[name]):.1f} ms {'longer' if added[name] > 0 else 'shorter'} over"
        for name in ("REST :predict", "/v1/extract", "gRPC")
    )
    assert f"single client is {rest} REST (`:predict`), {grpc} gRPC and {extract} `/v1/extract`" in page
    assert max(added.values()) < 3
    gain = f"{statistics.median(gains):.1f} times the answers of one client without batching"
    answers = found["answers_per_second"]
    most = statistics.median(answers["batched"]["64"]) / statistics.median(answers["unbatched"]["1"])
    assert f"get {gain}, and 64 clients {most:.1f} times (medians of {len(gains)} rounds)" in page
    assert (statistics.median(gains) < 2.5) == ("The bar for 32 clients, 2.5 times, is not reached." in page)
    one, many = (
        statistics.median(found["processor_ms_per_answer"][name][clients])
        for name, clients in (("unbatched", "1"), ("batched", "32"))
    )
    assert (
        f"{one:.1f} ms of the server's processor time for one client without batching, and {many:.1f} ms for 32" in page
    )
    memory = found["memory"]
    requests, kinds, sizes = sum(memory["requests"].values()), len(memory["requests"]), memory["megabytes"]
    assert f"Over {requests:,} valid and invalid requests of {kinds} kinds" in page
    assert f"memory changes from {sizes[0]:.0f} to {sizes[-1]:.0f} MB" in page
    assert requests >= 20_000
    assert memory["growth"] < 0.02


def test_the_page_of_speed_is_made_from_its_files(tmp_path):
    from reproduction import speed

    made = speed.write_page(ROOT / "benchmarks" / "results", tmp_path / "speed.md")
    assert made.read_text(encoding="utf-8") == (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")


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


def test_the_page_on_installation_repeats_the_table_of_its_file():
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    found = json.loads((ROOT / "benchmarks" / "results" / "installs.json").read_text(encoding="utf-8"))["installs"]
    assert {".".join(item["python"].split(".")[:2]) for item in found} >= {"3.9", "3.11", "3.12", "3.13"}
    for item in found:
        version = ".".join(item["python"].split(".")[:2])
        times = f"{item['installation']} s | {item['training']} s"
        scores = f"{item['entities']:.2f} | {item['relations']:.2f}"
        assert f"| {version} | {item['stack']} | {times} | {scores} | {item['gigabytes']:.1f} GB |" in page


def test_the_page_on_gpus_repeats_the_scores_of_half_precision():
    page = " ".join((ROOT / "docs" / "howto" / "gpu.md").read_text(encoding="utf-8").split())
    scores = {}
    for precision in ("float32", "mixed_float16", "mixed_bfloat16"):
        metrics = json.loads((ROOT / "results" / "sample" / f"{precision}.json").read_text(encoding="utf-8"))
        micro = metrics["strict"]["micro"]
        scores[precision] = entities, relations = [100 * micro[kind]["f1"] for kind in ("entities", "relations")]
        assert f"| `{precision}` | {entities:.2f} | {relations:.2f} |" in page
    for half in ("mixed_float16", "mixed_bfloat16"):
        assert all(score > whole - 1 for score, whole in zip(scores[half], scores["float32"]))
