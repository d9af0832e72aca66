"""What the constructors in a file take."""

from __future__ import annotations

import ast


def constructor_parameters(node: ast.ClassDef) -> list[str]:
    """Names of what a class takes; empty for records, which only hold data.

    A dataclass is a record where it is frozen and has no methods but properties and special ones, or where all its
    fields begin empty and it has no methods. Fields with `init=False`, and private ones with a value of their own, are
    state and no parameters.
    """
    methods = {it.name: it for it in node.body if isinstance(it, ast.FunctionDef | ast.AsyncFunctionDef)}
    if isinstance(init := methods.get("__init__"), ast.FunctionDef):
        every = [*init.args.posonlyargs, *init.args.args, *init.args.kwonlyargs]
        return [it.arg for it in every[1:]]
    decorators = [ast.unparse(it) for it in node.decorator_list]
    if not any(it.split("(")[0] in ("dataclass", "dataclasses.dataclass") for it in decorators):
        return []
    fields = [it for it in node.body if isinstance(it, ast.AnnAssign) and isinstance(it.target, ast.Name)]
    fields = [it for it in fields if not ast.unparse(it.annotation).startswith("ClassVar")]
    behaviour = [
        name
        for name, it in methods.items()
        if not name.startswith("__") and not any(ast.unparse(each) == "property" for each in it.decorator_list)
    ]
    if not behaviour and (any("frozen=True" in it for it in decorators) or all(it.value for it in fields)):
        return []
    return [
        ast.unparse(it.target)
        for it in fields
        if it.value is None or not (ast.unparse(it.target).startswith("_") or "init=False" in ast.unparse(it.value))
    ]
