"""One HTML page that shows a search: every trial, what mattered, and why the best one was chosen."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from html import escape
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.files import atomic_write
from tuning.outcome import named

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2530}
h1,h2{font-weight:600;line-height:1.2}table{border-collapse:collapse;font-size:13px}.scroll{overflow-x:auto}
td,th{padding:.2rem .6rem;text-align:right;border-bottom:1px solid #e3e7ec;white-space:nowrap}
td:first-child,th:first-child{text-align:left}svg{max-width:100%;height:auto}.failed{color:#a33}
@media(prefers-color-scheme:dark){body{background:#fff}}"""


def write_report(path: str | Path, search: Mapping[str, Any]) -> None:
    """Write the page.

    Args:
        path: path.
        search: dict, the content of `search.json`.
    """
    objective = search["objective"]
    done = [trial for trial in search["trials"] if trial["status"] == "COMPLETED"]
    parts = [f"<h1>Search of {escape(search['config'])}</h1>", f"<p>{escape(_about(search, done))}</p>"]
    if search["finalists"]:
        parts += ["<h2>Finalists, trained again</h2>", _finalists(search), _changes(search)]
    if len(done) > 1:
        parts += ["<h2>Objective over trials</h2>", _over_trials(done, objective)]
        names = varied(done)
        if set(names) - {"epochs"}:
            parts += ["<h2>All trials, side by side</h2>", _parallel(done, names, objective)]
            parts += ["<h2>What mattered</h2>", _importance_figure(importance(done, objective))]
            parts.append(
                "<p>Share of the objective's variance that a random forest puts down to each hyper-parameter, from "
                f"{len(done)} trials, each held against the mean of those with as many epochs. With few trials the "
                "order says more than the height.</p>"
            )
    parts += ["<h2>Trials</h2>", _trials(search["trials"], objective)]
    with atomic_write(path) as file:
        file.write(
            f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
            f"<title>Search of {escape(search['config'])}</title><style>{_STYLE}</style>{''.join(parts)}</html>\n"
        )


def varied(trials: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of hyper-parameters that differ between trials, and `epochs` if that does."""
    names = sorted({name for trial in trials for name in trial["values"]})
    rows = [{**trial["values"], "epochs": trial["epochs"]} for trial in trials]
    return [name for name in [*names, "epochs"] if len({str(row.get(name)) for row in rows}) > 1]


def importance(trials: Sequence[Mapping[str, Any]], objective: str) -> dict[str, float]:
    """How much each hyper-parameter has to do with the objective, among trials of as many epochs.

    Args:
        trials: list of dict, completed ones.
        objective: str.

    Returns:
        dict of names to shares, largest first: impurity importance of a random forest; they add up to 1.

    Reference:
        Hutter et al. (2014), "An Efficient Approach for Assessing Hyperparameter Importance", uses the same forest.
    """
    from sklearn.ensemble import RandomForestRegressor

    names = [name for name in varied(trials) if name != "epochs"]
    columns = [_positions([_get(trial, name) for trial in trials])[0] for name in names]
    # Where Hyperband gives some trials more epochs, these would explain nearly all.
    rungs: dict[int, list[float]] = {}
    for trial in trials:
        rungs.setdefault(trial["epochs"], []).append(trial[objective])
    above = [trial[objective] - statistics.mean(rungs[trial["epochs"]]) for trial in trials]
    forest = RandomForestRegressor(n_estimators=300, random_state=0)
    forest.fit(list(zip(*columns)), above)
    return dict(sorted(zip(names, forest.feature_importances_.tolist()), key=lambda item: -item[1]))


def _get(trial: Mapping[str, Any], name: str) -> Any:
    return trial["epochs"] if name == "epochs" else trial["values"].get(name)


def _positions(values: Sequence[Any]) -> tuple[list[float], list[str] | None]:
    """Numbers as they are, anything else by its place in a list of all: `(positions, labels or None)`."""
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return [float(value) for value in values], None
    labels = sorted({str(value) for value in values})
    return [float(labels.index(str(value))) for value in values], labels


def _about(search: Mapping[str, Any], done: Sequence[Mapping[str, Any]]) -> str:
    failed = sum(trial["status"] == "FAILED" for trial in search["trials"])
    return (
        f"{search['tuner']}, {len(search['trials'])} trials ({len(done)} completed, {failed} failed), objective "
        f"{search['objective']} on the dev split; the test split was not read."
    )


def _finalists(search: Mapping[str, Any]) -> str:
    rows = []
    for row in search["finalists"]:
        spread = f" ± {100 * row['sd']:.2f}" if row["sd"] is not None else ""
        seeds = ", ".join(f"{100 * score:.2f}" for score in row["scores"])
        rows.append([named(row["id"]), f"{100 * row['mean']:.2f}{spread}", seeds])
    return _table(["", f"{search['objective']}, mean ± sd", "seeds"], rows) + (
        "<p>The first one is best.yaml: the highest mean.</p>"
    )


def _changes(search: Mapping[str, Any]) -> str:
    best = search["finalists"][0]["values"]
    rows = [[name, _shown(value), _shown(search["base"].get(name))] for name, value in best.items()]
    return _table(["hyper-parameter", "best.yaml", f"before ({search['config']})"], rows)


def _trials(trials: Sequence[Mapping[str, Any]], objective: str) -> str:
    names = sorted({name for trial in trials for name in trial["values"]})
    rows = []
    for trial in sorted(trials, key=lambda trial: -(trial[objective] or 0)):
        score = "failed" if trial[objective] is None else f"{100 * trial[objective]:.2f}"
        cells = [_shown(trial["values"].get(name, "")) for name in names]
        rows.append([trial["id"], score, str(trial["epochs"]), *cells, trial["reason"] or ""])
    return _table(["trial", objective, "epochs", *names, "reason of failure"], rows)


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}" for name in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}" for cell in row) for row in rows)
    return f"<div class=scroll><table><tr>{head}{body}</table></div>"


def _figure(width: float, height: float) -> Figure:
    # Not pyplot: a window system is neither needed nor looked for.
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    return figure


def _svg(figure: Figure) -> str:
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def _over_trials(trials: Sequence[Mapping[str, Any]], objective: str) -> str:
    figure = _figure(9, 3)
    axes = figure.subplots()
    scores = [100 * trial[objective] for trial in trials]
    order, epochs = range(1, len(scores) + 1), [trial["epochs"] for trial in trials]
    points = axes.scatter(order, scores, c=epochs, cmap="viridis")
    axes.step(order, [max(scores[:n]) for n in order], where="post", color="#c8553d", label="best so far")
    if len(set(epochs)) > 1:
        figure.colorbar(points, label="epochs")
    axes.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
    axes.set_xlabel("completed trials, in the order of their start")
    axes.set_ylabel(f"{objective}, %")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure)


def _parallel(trials: Sequence[Mapping[str, Any]], names: Sequence[str], objective: str) -> str:
    """One line a trial through its values, each axis from its lowest to its highest; the colour is the objective."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    figure = _figure(max(9, 0.9 * len(names)), 4.2)
    axes = figure.subplots()
    scores = [100 * trial[objective] for trial in trials]
    norm = Normalize(min(scores), max(scores))
    columns = []
    for place, name in enumerate(names):
        values, labels = _positions([_get(trial, name) for trial in trials])
        low, high = min(values), max(values)
        columns.append([(value - low) / (high - low) for value in values])
        ticks = dict(enumerate(labels)) if labels else {low: f"{low:.3g}", high: f"{high:.3g}"}
        for value, label in ticks.items():
            axes.text(place + 0.04, (value - low) / (high - low), label, fontsize=7, va="center")
        axes.axvline(place, color="#c5ccd3", linewidth=0.8, zorder=0)
    for row in sorted(range(len(trials)), key=lambda row: scores[row]):
        axes.plot([c[row] for c in columns], color=colormaps["viridis"](norm(scores[row])), alpha=0.8, linewidth=1.2)
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", fontsize=8)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    figure.colorbar(ScalarMappable(norm, "viridis"), ax=axes, label=f"{objective}, %")
    return _svg(figure)


def _importance_figure(shares: Mapping[str, float]) -> str:
    figure = _figure(9, 0.6 + 0.3 * len(shares))
    axes = figure.subplots()
    axes.barh(list(shares), [100 * share for share in shares.values()], color="#1b6ca8")
    axes.invert_yaxis()
    axes.set_xlabel("share, %")
    axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure)
