"""Writes one HTML page about a search: every trial, what mattered, and why the best one was chosen."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from cman_tf.evaluation.markup import shown
from cman_tf.files import atomic_write
from tuning.outcome import named

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Trials = Sequence[Mapping[str, Any]]


def write_report(path: str | Path, search: Mapping[str, Any]) -> None:
    """Write the page, the template `tuning/page/report.html`.

    Args:
        path: path.
        search: dict, the content of `search.json`.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tuning", "page"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=shown,
    )
    trials, objective = search["trials"], search["objective"]
    completed = [trial for trial in trials if trial["status"] == "COMPLETED"]
    page = environment.get_template("report.html").render(
        search,
        completed=completed,
        failed=sum(trial["status"] == "FAILED" for trial in trials),
        ranked=sorted(trials, key=lambda trial: -(trial[objective] or 0)),
        names=sorted({name for trial in trials for name in trial["values"]}),
        searched=set(varied(completed)) - {"epochs"},
        named=named,
        over_trials=over_trials,
        parallel=parallel,
        importance_bars=importance_bars,
    )
    with atomic_write(path) as file:
        file.write(page + "\n")


def varied(trials: Trials) -> list[str]:
    """Names of the hyper-parameters that differ between trials, and `epochs` if the number of epochs differs."""
    names = sorted({name for trial in trials for name in trial["values"]})
    rows = [{**trial["values"], "epochs": trial["epochs"]} for trial in trials]
    return [name for name in [*names, "epochs"] if len({str(row.get(name)) for row in rows}) > 1]


def importance(trials: Trials, objective: str) -> dict[str, float]:
    """How much of the objective each hyper-parameter explains, among trials with the same number of epochs.

    Args:
        trials: list of dict, completed ones.
        objective: str.

    Returns:
        dict of names to shares, largest first: impurity importance of a random forest. The shares add up to 1.

    Reference:
        Hutter et al. (2014), "An Efficient Approach for Assessing Hyperparameter Importance", uses the same forest.
    """
    from sklearn.ensemble import RandomForestRegressor

    names = [name for name in varied(trials) if name != "epochs"]
    columns = [_positions([_get(trial, name) for trial in trials])[0] for name in names]
    # Otherwise the number of epochs, which Hyperband varies, would explain nearly everything.
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
    """`(positions, labels)`: numbers unchanged and None; other values as indices into `labels`, their sorted texts."""
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return [float(value) for value in values], None
    labels = sorted({str(value) for value in values})
    return [float(labels.index(str(value))) for value in values], labels


def over_trials(trials: Trials, objective: str) -> Markup:
    """Objective of each trial and the best so far, as inline SVG."""
    figure, axes = _figure(9, 3)
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
    return _svg(figure)


def parallel(trials: Trials, objective: str) -> Markup:
    """Parallel coordinates as inline SVG: a line for each trial, coloured by its objective."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    names = varied(trials)
    figure, axes = _figure(max(9, 0.9 * len(names)), 4.2)
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


def importance_bars(trials: Trials, objective: str) -> Markup:
    """Bars of `importance`, as inline SVG."""
    shares = importance(trials, objective)
    figure, axes = _figure(9, 0.6 + 0.3 * len(shares))
    axes.barh(list(shares), [100 * share for share in shares.values()], color="#1b6ca8")
    axes.invert_yaxis()
    axes.set_xlabel("share, %")
    return _svg(figure)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    # Not pyplot: it would keep every figure, and look for a window system.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Figure) -> Markup:
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return Markup(text.getvalue()[text.getvalue().index("<svg") :])
