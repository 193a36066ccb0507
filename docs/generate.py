"""Hook of MkDocs that makes pages from the code, so that they are never out of date.

It makes the reference of the configuration, the commands and the packages, and copies CONTRIBUTING.md, SECURITY.md,
CHANGELOG.md and each file of the checkout that a page links to.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import os
import re
from pathlib import Path
from unittest import mock

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
# Packages with a page in the reference. `cman_tf` has only its own modules on its page, the others all of theirs.
PACKAGES = (
    "cman_tf",
    *sorted(f"cman_tf.{path.parent.name}" for path in (ROOT / "cman_tf").glob("*/__init__.py")),
    "export",
    "tuning",
)
COPIES = {"contributing.md": "CONTRIBUTING.md", "security.md": "SECURITY.md", "changelog.md": "CHANGELOG.md"}
_PAGES = {source: page for page, source in COPIES.items()}
_LINK = re.compile(r"(\]\()((?:\.\./)+[^)#\s]+|[\w./-]+)(#[^)]*)?(\))")


def on_config(config):
    """Add a page for each package to the navigation."""
    reference = next(entry["Reference"] for entry in config.nav if "Reference" in entry)
    reference += [{package: f"reference/api/{package}.md"} for package in PACKAGES]
    return config


def on_files(files, config):
    """Add the generated pages and the copies."""
    pages = {
        "reference/configuration.md": configuration(),
        "reference/commands.md": commands(),
        **{f"reference/api/{package}.md": api(package) for package in PACKAGES},
        **{name: (ROOT / source).read_text(encoding="utf-8") for name, source in COPIES.items()},
    }
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown, page, config, files):
    """Let links to files of the checkout lead to copies of them in the site."""
    source = page.file.src_uri
    origin = ROOT / COPIES.get(source, f"docs/{source}")

    def link(match):
        path = Path(os.path.normpath(origin.parent / match[2]))
        if ROOT not in path.parents or not path.is_file():
            return match[0]
        name = path.relative_to(ROOT).as_posix()
        if name.startswith("docs/") and path.suffix != ".py":
            target = name[len("docs/") :]
        else:
            target = _PAGES.get(name, f"files/{name}")
            if files.get_file_from_path(target) is None:
                files.append(File.generated(config, target, abs_src_path=str(path)))
        return f"{match[1]}{os.path.relpath(target, Path(source).parent)}{match[3] or ''}{match[4]}"

    return _LINK.sub(link, markdown)


def on_page_content(html, page, config, files):
    """Equations become MathML, which browsers show without a script."""
    from latex2mathml.converter import convert

    def equation(match):
        tex = match[2].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
        text = convert(tex, display="inline" if match[1] == "span" else "block")
        return re.sub(r"(?=<mtext>\(\d+\)</mtext>)", '<mspace width="2em"/>', text)  # the equation's number

    return re.sub(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', equation, html, flags=re.DOTALL)


_ABOUT_CONFIGURATION = """\
A configuration is a YAML file with these sections and fields. A missing field has its default. Each field is also an
option of `cman fit` and `cman crossval`: `--model.hidden_size 64`. A run folder contains its own in `config.yaml`.

*Source* is the source of the default: *paper* is Zhao et al. (2020) with the section, *not in the paper* is a choice of
this project. A dash marks fields about files, memory or output."""


def configuration():
    """Page of all config fields with default and source, and of all configurations of the package."""
    from cman_tf import config as configs

    lines = ["# Configuration", "", _ABOUT_CONFIGURATION]
    for name, info in configs.Config.__pydantic_fields__.items():
        if dataclasses.is_dataclass(info.annotation):
            fields = configs.all_fields(info.annotation, name + ".")
            lines += ["", f"## {name}", "", info.annotation.__doc__, "", *_table(fields)]
    lines += ["", "## Top level", "", *_table(item for item in configs.all_fields() if "." not in item[0])]
    lines += ["", "## Configurations of the package", "", "Use them by name: `--config conll04`."]
    for name, source in sorted(configs.shipped().items()):
        lines += ["", f"### {name}", "", "```yaml", source.read_text(encoding="utf-8").strip(), "```"]
    return "\n".join(lines) + "\n"


def _table(fields):
    from cman_tf.commands import field_texts

    yield "| Field | Values | Default | Meaning | Source |"
    yield "|---|---|---|---|---|"
    for name, kind, default, help in fields:
        what, source = field_texts.source(help)
        values, shown = field_texts.values(name, kind), field_texts.default(default)
        yield f"| `{name}` | {values} | `{shown}` | {what} | {source or '–'} |".replace("\n", " ")


def commands():
    """Page of the help of every command."""
    from cman_tf.commands.main import COMMANDS

    lines = [
        "# Commands",
        "",
        "The output of `--help`. All commands exit with code 0, with 2 and one sentence on standard error for invalid "
        "input, and with 130 if interrupted.",
    ]
    actions = {"encoder": ("convert", "info", "clear"), "data": ("check", "split", "pick")}
    programs = {f"cman {name}": (module, []) for name, (module, _) in COMMANDS.items() if name not in actions}
    for name, known in actions.items():
        programs.update({f"cman {name} {action}": (COMMANDS[name][0], [action]) for action in known})
    programs["python -m reproduction"] = ("reproduction.command", [])
    for path in sorted((ROOT / "benchmarks").glob("*.py")):
        if "\ndef command(" in path.read_text(encoding="utf-8"):
            programs[f"python -m benchmarks.{path.stem}"] = (f"benchmarks.{path.stem}", [])
    for program, (module, argv) in programs.items():
        lines += ["", f"## {program}", "", "```text", _help(module, argv), "```"]
    return "\n".join(lines) + "\n"


def _help(module, argv):
    text = io.StringIO()
    with mock.patch.dict(os.environ, COLUMNS="110"), contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        importlib.import_module(module).command([*argv, "--help"])
    return text.getvalue().rstrip()


def api(package):
    """Page of a package and its modules, from their docstrings."""
    lines = [f"# {package}", "", f"::: {package}", "    options:", "      show_root_heading: false"]
    if package != "cman_tf":
        return "\n".join([*lines, "      show_submodules: true", ""])
    # `cman_tf.fit` and its like are other names of commands.
    names = sorted(path.stem for path in (ROOT / package).glob("*.py"))
    modules = [name for name in names if name not in ("__init__", "fit", "evaluate", "predict")]
    return "\n".join([*lines, "", *(f"::: {package}.{name}\n" for name in modules)])
