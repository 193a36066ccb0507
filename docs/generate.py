"""Pages that are made from the code, as a hook of MkDocs: they cannot fall behind it.

Made are the reference of the configuration, of the commands and of the packages' modules, and copies of
CONTRIBUTING.md, of CHANGELOG.md and of every file of the checkout that a page links to.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import io
import os
import re
from pathlib import Path
from unittest import mock

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
PACKAGES = ("cman_tf", "export", "tuning", "benchmarks")
# What belongs to the page of a package although it lies in folders of it.
NESTED = ("cman_tf.data", "cman_tf.encoders", "export")
COPIES = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
_LINK = re.compile(r"(\]\()((?:\.\./)+[^)#\s]+|[\w./-]+)(#[^)]*)?(\))")


def on_config(config):
    """Each package has its page in the navigation."""
    reference = next(entry["Reference"] for entry in config.nav if "Reference" in entry)
    reference += [{package: f"reference/api/{package}.md"} for package in packages()]
    return config


def on_files(files, config):
    pages = {
        "reference/configuration.md": configuration(),
        "reference/commands.md": commands(),
        **{f"reference/api/{package}.md": api(package) for package in packages()},
        **{name: (ROOT / source).read_text(encoding="utf-8") for name, source in COPIES.items()},
    }
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    for path in sorted({path for page in files.documentation_pages() for path in _outside(page)}):
        files.append(File.generated(config, f"files/{path}", abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Links to files of the checkout lead to the site's copies of them; equations become MathML."""
    here = Path(page.file.src_uri).parent

    def link(match):
        path = _in_checkout(page.file, match[2])
        if path is None:
            return match[0]
        if _is_page(path):
            target = Path(*path.parts[1:])
        else:
            target = Path({source: name for name, source in COPIES.items()}.get(str(path), f"files/{path}"))
        return f"{match[1]}{os.path.relpath(target, here)}{match[3] or ''}{match[4]}"

    return _LINK.sub(link, markdown)


def on_page_content(html, page, config, files):
    """Equations become MathML, which browsers show without a script."""
    from latex2mathml.converter import convert

    def equation(match):
        tex = match[2].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
        text = convert(tex, display="inline" if match[1] == "span" else "block")
        return re.sub(r"(?=<mtext>\(\d+\)</mtext>)", '<mspace width="2em"/>', text)  # the equation's number

    return re.sub(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', equation, html, flags=re.DOTALL)


def _outside(file):
    for match in _LINK.finditer(file.content_string):
        path = _in_checkout(file, match[2])
        if path is not None and not _is_page(path) and str(path) not in COPIES.values():
            yield path.as_posix()


def _is_page(path):
    return path.parts[0] == "docs" and path.suffix != ".py"


def _in_checkout(file, target):
    """The file of the checkout that a link of a page leads to, None for a page of the site and for an address."""
    # Copies are links as seen from where the original lies.
    origin = ROOT / COPIES[file.src_uri] if file.src_uri in COPIES else ROOT / "docs" / file.src_uri
    path = Path(os.path.normpath(origin.parent / target))
    if ROOT not in path.parents or not path.is_file():
        return None
    # A page's link to another one is MkDocs' own affair.
    ours = file.src_uri in COPIES or not _is_page(path.relative_to(ROOT))
    return path.relative_to(ROOT) if ours else None


_ABOUT_CONFIGURATION = """\
A configuration is a YAML file of these sections and fields; what it does not say has its default. Each field is also an
option of `cman fit` and `cman crossval`: `--model.hidden_size 64`. A run folder keeps its own in `config.yaml`.

*Source* says where the default comes from: *paper* is Zhao et al. (2020) with the section, *not in the paper* is a
choice of this project. A dash is a matter of files, memory or output, which no paper would settle."""

# -- configuration ----------------------------------------------------------------------------------------------------


def configuration():
    """Every config field with default and source, and every configuration that comes with the package."""
    import dataclasses

    from cman_tf import config as configs

    sections = {item.name: configs.Config.__pydantic_fields__[item.name] for item in dataclasses.fields(configs.Config)}
    lines = ["# Configuration", "", _ABOUT_CONFIGURATION]
    for name, info in sections.items():
        if dataclasses.is_dataclass(info.annotation):
            lines += [
                "",
                f"## {name}",
                "",
                info.annotation.__doc__,
                "",
                *_table(configs.fields(info.annotation, name + ".")),
            ]
    lines += ["", "## Top level", "", *_table(item for item in configs.all_fields() if "." not in item[0])]
    lines += ["", "## Configurations that come with the package", "", "Given by name: `--config conll04`."]
    for name, source in sorted(configs.shipped().items()):
        lines += ["", f"### {name}", "", "```yaml", source.read_text(encoding="utf-8").strip(), "```"]
    return "\n".join(lines) + "\n"


def _table(fields):
    from cman_tf.commands import field_texts

    yield "| Field | Values | Default | What it is | Source |"
    yield "|---|---|---|---|---|"
    for name, kind, default, help in fields:
        what, source = field_texts.source(help)
        values, shown = field_texts.values(name, kind), field_texts.default(default)
        yield f"| `{name}` | {values} | `{shown}` | {what} | {source or '–'} |".replace("\n", " ")


# -- commands ---------------------------------------------------------------------------------------------------------


def command_modules():
    """Names of the modules that are command lines, those of `cman_tf` first."""
    return [name for package in PACKAGES for name, tree in _modules(package, True) if _defines(tree, "command")]


def help_text(module):
    """What `python -m MODULE --help` prints."""
    text = io.StringIO()
    with mock.patch.dict(os.environ, COLUMNS="110"), contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        importlib.import_module(module).command(["--help"])
    return text.getvalue().rstrip()


def commands():
    """The help of every command."""
    lines = [
        "# Commands",
        "",
        "What `--help` prints. All commands end with code 0, with 2 and one sentence on standard error for input that "
        "breaks a rule, and with 130 when interrupted.",
    ]
    for module in command_modules():
        lines += ["", f"## python -m {module}", "", "```text", help_text(module), "```"]
    return "\n".join(lines) + "\n"


# -- modules ----------------------------------------------------------------------------------------------------------


def packages():
    """Packages that have a page: `cman_tf`, those in it, `export` and `tuning`."""
    inside = sorted(path.parent.name for path in (ROOT / "cman_tf").glob("*/__init__.py"))
    return [
        package
        for package in ("cman_tf", *(f"cman_tf.{name}" for name in inside), "export", "tuning")
        if any(public_modules(package))
    ]


def public_modules(package):
    """Names of a package's modules that define something public besides a command line."""
    for name, tree in _modules(package, package in NESTED):
        public = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        if {item for item in public if not item.startswith("_")} - {"main", "command"}:
            yield name


def api(package):
    """The modules of a package, from their docstrings."""
    return "\n\n".join([f"# {package}", *(f"::: {name}" for name in public_modules(package))]) + "\n"


def _modules(package, nested):
    """Yield `(name, syntax tree)` of a package's modules."""
    folder = ROOT / package.replace(".", "/")
    for path in sorted(folder.rglob("*.py") if nested else folder.glob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        yield name.removesuffix(".__init__"), ast.parse(path.read_text(encoding="utf-8"))


def _defines(tree, name):
    return any(isinstance(node, ast.FunctionDef) and node.name == name for node in tree.body)
