"""Reads deploy/stack.yaml: CloudFormation's short tags, parameters, conditions and references."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

STACK = Path(__file__).resolve().parent.parent / "stack.yaml"
_ABSENT = object()
"""What `AWS::NoValue` becomes on the way: the key that holds it is left out."""
_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")


class TemplateError(Exception):
    """The template says something that this reader does not understand."""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags, each read as its long form."""


def _long_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _long_form)


def read(path: Path = STACK) -> dict[str, Any]:
    """Return a template as plain data, short tags in their long form."""
    loaded: dict[str, Any] = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506
    return loaded


@dataclass(frozen=True)
class Made:
    """What a reference to a resource gives: its `Ref` and its `GetAtt` attributes."""

    ref: str
    attributes: dict[str, str] = field(default_factory=dict)


class Resolver:
    """Turns a template's values into plain ones, as resources come to be made.

    `given` holds parameters and pseudo parameters (`AWS::Region` and so on); a parameter that is
    not given takes its default. Raises TemplateError for a parameter without a value.
    """

    def __init__(self, template: dict[str, Any], given: dict[str, str]) -> None:
        self._template = template
        self._made: dict[str, Made] = {}
        self._values: dict[str, Any] = {"AWS::NoValue": _ABSENT, "AWS::Partition": "aws"}
        for name, parameter in template.get("Parameters", {}).items():
            self._values[name] = self._parameter(name, parameter, given)
        self._values |= {name: value for name, value in given.items() if name.startswith("AWS::")}

    @staticmethod
    def _parameter(name: str, parameter: dict[str, Any], given: dict[str, str]) -> Any:
        value = given.get(name, parameter.get("Default"))
        if value is None:
            raise TemplateError(f"the parameter {name} has no default: give it a value")
        return value

    def add(self, name: str, made: Made) -> None:
        """Make a resource known to the references that follow."""
        self._made[name] = made

    def wanted(self, name: str) -> bool:
        """Return whether a resource's condition, if it has one, holds."""
        condition = self._template["Resources"][name].get("Condition")
        return condition is None or self._condition(condition)

    def order(self) -> Iterator[str]:
        """Yield every resource's logical id, each after those it needs.

        Raises graphlib.CycleError where two resources need each other.
        """
        resources = self._template["Resources"]
        graph = {
            name: (set(_names(resource)) & resources.keys()) - {name}
            for name, resource in resources.items()
        }
        yield from TopologicalSorter(graph).static_order()

    def value(self, node: Any) -> Any:
        """Return a value with every function in it worked out. Raises TemplateError."""
        if isinstance(node, list):
            items = (self.value(item) for item in node)
            return [item for item in items if item is not _ABSENT]
        if not isinstance(node, dict):
            return node
        name = next(iter(node), "")
        if len(node) == 1 and (name == "Ref" or name.startswith("Fn::")):
            return self._call(name, node[name])
        pairs = ((key, self.value(item)) for key, item in node.items())
        return {key: item for key, item in pairs if item is not _ABSENT}

    def _call(self, name: str, argument: Any) -> Any:
        functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::If": self._if,
            "Fn::Join": lambda a: str(a[0]).join(map(str, self.value(a[1]))),
            "Fn::Select": lambda a: self.value(a[1])[int(self.value(a[0]))],
            "Fn::FindInMap": self._find_in_map,
            "Fn::Equals": lambda a: self.value(a[0]) == self.value(a[1]),
            "Fn::Not": lambda a: not self._test(a[0]),
            "Fn::And": lambda a: all(self._test(part) for part in a),
            "Fn::Or": lambda a: any(self._test(part) for part in a),
        }
        if name not in functions:
            raise TemplateError(f"{name} is not understood: teach it to deploy/local/template.py")
        return functions[name](argument)

    def _ref(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        return self._resource(name).ref

    def _get_att(self, argument: list[str]) -> str:
        name, attribute = argument
        attributes = self._resource(name).attributes
        if attribute not in attributes:
            raise TemplateError(f"{name} has no attribute {attribute} on the local cloud")
        return attributes[attribute]

    def _resource(self, name: str) -> Made:
        if name not in self._made:
            raise TemplateError(f"{name} is neither a parameter nor a resource made locally")
        return self._made[name]

    def _sub(self, argument: Any) -> str:
        text, extra = argument if isinstance(argument, list) else (argument, {})

        def put(match: re.Match[str]) -> str:
            name = match[1].strip()
            if name in extra:
                return str(self.value(extra[name]))
            attribute = "." in name and name not in self._values
            return str(self._get_att(name.split(".", 1)) if attribute else self._ref(name))

        return _VARIABLE.sub(put, text).replace("${!", "${")

    def _if(self, argument: list[Any]) -> Any:
        condition, yes, no = argument
        return self.value(yes if self._condition(condition) else no)

    def _find_in_map(self, argument: list[Any]) -> Any:
        mapping, key, inner = (self.value(part) for part in argument)
        return self._template["Mappings"][mapping][key][inner]

    def _condition(self, name: str) -> bool:
        return self._test(self._template["Conditions"][name])

    def _test(self, node: Any) -> bool:
        if isinstance(node, dict) and "Condition" in node:
            return self._condition(node["Condition"])
        return bool(self.value(node))


def _names(node: Any) -> Iterator[str]:
    """Yield every name that a resource refers to, whatever it may stand for."""
    if isinstance(node, list):
        for item in node:
            yield from _names(item)
    elif isinstance(node, dict):
        for key, item in node.items():
            yield from _named_by(key, item)
            yield from _names(item)


def _named_by(key: str, item: Any) -> Iterator[str]:
    if key == "Ref":
        yield item
    elif key == "DependsOn":
        yield from [item] if isinstance(item, str) else item
    elif key == "Fn::GetAtt":
        yield item[0]
    elif key == "Fn::Sub":
        text = item if isinstance(item, str) else item[0]
        yield from (match.split(".")[0] for match in _VARIABLE.findall(text))
