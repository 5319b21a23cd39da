"""Docstrings follow numpydoc: public functions of three or more arguments document each, and their result.

Existing sections are checked for any number of arguments; those of data classes must list their fields.
`crisp.cli` is exempt: the docstring of a command is printed as its help, which lists the arguments.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(path.relative_to(ROOT) for path in ROOT.glob("*crisp*/**/*.py"))
EXEMPT = {"cli"}
ENOUGH = 3  # arguments; fewer are described by the summary
NOTHING = {"None", "NoReturn", "Iterator[None]"}  # annotations of functions without a result

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sections(node: ast.ClassDef | Function) -> dict[str, str]:
    """Return the bodies of the sections of a docstring, by title."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}$", ast.get_docstring(node) or "", flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def names(section: str) -> list[str]:
    """Return the names that a section describes, one or several (``height, width : int``) per line."""
    heads = [line.split(" : ")[0] for line in section.splitlines() if line and not line.startswith(" ")]
    return [name for head in heads for name in head.split(", ")]


def arguments(function: Function, is_method: bool) -> list[str]:
    """Return the names of the arguments in order, without `self` and `cls`."""
    given = function.args
    plain = [argument.arg for argument in (*given.posonlyargs, *given.args)]
    is_static = any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in function.decorator_list)
    return [
        *plain[is_method and not is_static :],
        *([f"*{given.vararg.arg}"] if given.vararg else []),
        *(argument.arg for argument in given.kwonlyargs),
        *([f"**{given.kwarg.arg}"] if given.kwarg else []),
    ]


def public(tree: ast.Module) -> Iterator[tuple[str, Function | ast.ClassDef, ast.ClassDef | None]]:
    """Yield the public classes, functions and methods of a module, and constructors: name, node, class."""
    for node in tree.body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        yield node.name, node, None
        for method in node.body if isinstance(node, ast.ClassDef) else []:
            if isinstance(method, Function) and (method.name == "__init__" or method.name[0] != "_"):
                yield f"{node.name}.{method.name}", method, node


def faults_of_class(node: ast.ClassDef) -> Iterator[str]:
    """Yield the fault of a class without constructor whose docstring lists other fields than it has."""
    fields = [field.target for field in node.body if isinstance(field, ast.AnnAssign)]
    expected = [one.id for one in fields if isinstance(one, ast.Name) and not one.id.startswith("_")]
    if any(isinstance(one, Function) and one.name == "__init__" for one in node.body):
        return
    for title in {"Parameters", "Attributes"} & set(sections(node)):
        if (found := names(sections(node)[title])) != expected:
            yield f"{title} describes {found}, the fields are {expected}"


def faults_of_function(node: Function, owner: ast.ClassDef | None) -> Iterator[str]:
    """Yield what the docstring of a function lacks; that of a constructor is the docstring of its class."""
    expected = arguments(node, owner is not None)
    has = sections(owner if owner and node.name == "__init__" else node)
    if "Parameters" in has or len(expected) >= ENOUGH:
        if (found := names(has.get("Parameters", ""))) != expected:
            yield f"Parameters describes {found}, the arguments are {expected}"
        result = ast.unparse(node.returns) if node.returns else "None"
        if result not in NOTHING and not has.keys() & {"Returns", "Yields"}:
            yield f"no section Returns or Yields, the result is {result}"


def faults(source: str) -> list[str]:
    """List the faults of the docstrings of a module, each after its place."""
    return [
        f"{node.lineno} {name}: {fault}"
        for name, node, owner in public(ast.parse(source))
        for fault in (
            faults_of_class(node) if isinstance(node, ast.ClassDef) else faults_of_function(node, owner)
        )
    ]


def is_checked(module: Path) -> bool:
    room = module.relative_to(module.parts[0]).parent.as_posix()
    return not any(f"{room}/".startswith(f"{name}/") for name in EXEMPT)


@pytest.mark.parametrize("module", [*filter(is_checked, MODULES)], ids=str)
def test_arguments_and_results_are_documented(module: Path) -> None:
    assert faults((ROOT / module).read_text()) == []


DOCUMENTED = '''
def scale(image: ndarray, *, height: int, width: int) -> ndarray:
    """Scale an image.

    Parameters
    ----------
    image : ndarray
        Image.
    height, width : int
        px.

    Returns
    -------
    ndarray
    """
'''


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("height, width : int", "width, height : int", "Parameters describes ['image', 'width', 'height']"),
        ("    image : ndarray\n        Image.\n", "", "Parameters describes ['height', 'width']"),
        ("Parameters\n    ----------", "Input", "Parameters describes []"),
        ("    Returns\n    -------\n    ndarray\n", "", "no section Returns"),
        ("def scale", "def _scale", ""),
        ("-> ndarray", "-> None", ""),
    ],
)
def test_faults_of_functions_are_found(old: str, new: str, fault: str) -> None:
    assert faults(DOCUMENTED) == []
    assert old in DOCUMENTED
    found = faults(DOCUMENTED.replace(old, new))
    assert len(found) == bool(fault)
    assert all(fault in one for one in found)


CLASS = '''
class Size:
    """A size.

    Parameters
    ----------
    height, width, depth : int
    """
'''
CONSTRUCTOR = "    def __init__(self, height: int, width: int, depth: int) -> None: ...\n"
FIELDS = "    height: int\n    width: int\n    depth: int\n"


@pytest.mark.parametrize("body", [CONSTRUCTOR, FIELDS])
def test_faults_of_classes_are_found(body: str) -> None:
    assert faults(CLASS + body) == []
    assert len(faults(CLASS.replace("height, width", "height") + body)) == 1
