"""What names mean in the modules of a package, by its sources alone: whom a call calls, of which class a variable is.

A name is resolved by the imports of its module, a method by the class of its object where annotations or assignments in
the same function or constructor tell it; a container counts as what it holds. What a callback, a property or an
operator calls is not known, nor what stands behind an abstract method.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Symbol(NamedTuple):
    """A function, a class, or a method of a class."""

    module: str
    name: str
    method: str = ""


Classes = dict[str, "Symbol | None"]
"""Of a function's variables, by name; None where it is unknown."""


class Package:
    """What the modules in some folders of a root define and import, and what names in them mean."""

    def __init__(self, root: Path, folders: tuple[str, ...]) -> None:
        self.defined: dict[str, dict[str, ast.FunctionDef | ast.ClassDef]] = {}
        self.imports: dict[str, dict[str, tuple[str, str]]] = {}
        for path in sorted(file for folder in folders for file in (root / folder).rglob("*.py")):
            *parents, stem = path.relative_to(root).with_suffix("").parts
            module = ".".join(parents if stem == "__init__" else [*parents, stem])
            tree = ast.parse(path.read_text(encoding="utf-8"))
            definitions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
            self.defined[module] = {node.name: node for node in definitions}
            self.imports[module] = {}
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and node.level:
                    source = ".".join([*parents[: len(parents) - node.level + 1], *filter(None, [node.module])])
                    self.imports[module] |= {one.asname or one.name: (source, one.name) for one in node.names}

    def find(self, module: str, name: str) -> Symbol | str | None:
        """What a name means in a module: a function or class, a module, or nothing of the package."""
        if name in self.defined.get(module, {}):
            return Symbol(module, name)
        source, other = self.imports.get(module, {}).get(name, ("", ""))
        if f"{source}.{other}" in self.defined:
            return f"{source}.{other}"
        return self.find(source, other) if source in self.defined else None

    def node(self, symbol: Symbol) -> ast.FunctionDef | ast.ClassDef:
        """Where it is defined."""
        node = self.defined[symbol.module][symbol.name]
        methods = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == symbol.method]
        return methods[0] if symbol.method else node

    def method(self, owner: Symbol, name: str) -> Symbol | None:
        """A method of a class or of its bases."""
        node = self.node(owner)
        if any(isinstance(one, ast.FunctionDef) and one.name == name for one in node.body):
            return owner._replace(method=name)
        bases = [self.annotated(base, owner) for base in getattr(node, "bases", ())]
        return next((found for base in bases if base and (found := self.method(base, name))), None)

    def annotated(self, node: ast.expr | None, at: Symbol) -> Symbol | None:
        """The first class of the package that an annotation names."""
        for name in ast.walk(node) if node is not None else ():
            found = self.find(at.module, at.name if getattr(name, "id", "") == "Self" else getattr(name, "id", ""))
            if isinstance(found, Symbol) and isinstance(self.node(found), ast.ClassDef):
                return found
        return None

    def variables(self, at: Symbol, deep: bool = True) -> Classes:
        """Classes of a function's variables; where not `deep`, of its arguments alone."""
        node = self.node(at)
        assert isinstance(node, ast.FunctionDef)
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        known: Classes = {one.arg: self.annotated(one.annotation, at) for one in arguments}
        if at.method and deep:
            known |= dict.fromkeys(("self", "cls"), at._replace(method=""))
        for inner in ast.walk(node) if deep else ():
            target = getattr(inner, "targets", [getattr(inner, "target", getattr(inner, "optional_vars", None))])[0]
            value = getattr(inner, "value", getattr(inner, "iter", getattr(inner, "context_expr", None)))
            if isinstance(target, ast.Name) and value is not None and known.get(target.id) is None:
                known[target.id] = self.type(value, at, known)
        return known

    def type(self, node: ast.expr, at: Symbol, known: Classes) -> Symbol | None:
        """The class of an expression."""
        if isinstance(node, ast.Subscript):
            return self.type(node.value, at, known)
        if isinstance(node, ast.Call) and (called := self.called(node.func, at, known)):
            made = self.node(called)
            return self.annotated(made.returns, called) if isinstance(made, ast.FunctionDef) else called
        owner = self.type(node.value, at, known) if isinstance(node, ast.Attribute) else None
        if owner is None or not isinstance(node, ast.Attribute):
            return known.get(getattr(node, "id", ""))
        for inner in self.node(owner).body:
            if node.attr in (getattr(getattr(inner, "target", None), "id", ""), getattr(inner, "name", "")):
                return self.annotated(getattr(inner, "annotation", getattr(inner, "returns", None)), owner)
        maker = self.method(owner, "__init__")
        for inner in ast.walk(self.node(maker)) if maker else ():
            if maker and isinstance(inner, ast.Assign) and getattr(inner.targets[0], "attr", "") == node.attr:
                return self.type(inner.value, maker, self.variables(maker, deep=False))
        return None

    def called(self, node: ast.expr, at: Symbol, known: Classes) -> Symbol | None:
        """What a call calls."""
        if isinstance(node, ast.Attribute):
            found = self.find(at.module, getattr(node.value, "id", ""))
            if isinstance(found, str):
                found = self.find(found, node.attr)
                return found if isinstance(found, Symbol) else None
            owner = found or self.type(node.value, at, known)
            return self.method(owner, node.attr) if isinstance(owner, Symbol) else None
        found = self.find(at.module, getattr(node, "id", ""))
        return found if isinstance(found, Symbol) else None

    def calls(self, at: Symbol) -> Iterator[Symbol]:
        """What a function, or a class when it is constructed, calls, in order."""
        node = self.node(at)
        if isinstance(node, ast.ClassDef):
            yield from filter(None, (self.method(at, name) for name in ("__init__", "__post_init__")))
            return
        known = self.variables(at)
        calls = [inner for inner in ast.walk(node) if isinstance(inner, ast.Call)]
        for call in sorted(calls, key=lambda one: (one.end_lineno, one.end_col_offset)):
            yield from filter(None, [self.called(call.func, at, known)])

    def below(self, module: str, found: set[str]) -> set[str]:
        """All modules that it imports, at once or through others, added to `found`."""
        for source, name in self.imports[module].values():
            for target in ({source, f"{source}.{name}"} & set(self.defined)) - found:
                found.add(target)
                self.below(target, found)
        return found
