"""The reader of deploy/stack.yaml: tags, functions, conditions and order."""

from pathlib import Path
from typing import Any

import pytest

from deploy.local.template import Made, Resolver, TemplateError, read

PARAMETERS = {"Size": {"Type": "Number", "Default": 3}, "Origin": {"Type": "String"}}
CONDITIONS = {
    "Small": {"Fn::Equals": [{"Ref": "Size"}, 3]},
    "Large": {"Fn::Not": [{"Condition": "Small"}]},
    "Both": {"Fn::And": [{"Condition": "Small"}, {"Condition": "Large"}]},
    "Either": {"Fn::Or": [{"Condition": "Small"}, {"Condition": "Large"}]},
}


def resolver(**resources: Any) -> Resolver:
    template = {
        "Parameters": PARAMETERS,
        "Conditions": CONDITIONS,
        "Mappings": {"Prices": {"small": {"month": 7}}},
        "Resources": resources,
    }
    given = {"Origin": "https://gas.example.org", "AWS::StackName": "gas"}
    made = Resolver(template, given)
    made.add("Queue", Made("queue-url", {"Arn": "queue-arn"}))
    return made


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ({"Ref": "Size"}, 3),
        ({"Ref": "Origin"}, "https://gas.example.org"),
        ({"Ref": "Queue"}, "queue-url"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "queue-arn"),
        ({"Fn::Sub": "${AWS::StackName}-jobs"}, "gas-jobs"),
        ({"Fn::Sub": "${Queue.Arn}/*"}, "queue-arn/*"),
        ({"Fn::Sub": "${!Literal}"}, "${Literal}"),
        ({"Fn::Sub": ["${of}-${Size}", {"of": {"Ref": "Queue"}}]}, "queue-url-3"),
        ({"Fn::If": ["Small", "yes", "no"]}, "yes"),
        ({"Fn::If": ["Large", "yes", "no"]}, "no"),
        ({"Fn::If": ["Both", "yes", "no"]}, "no"),
        ({"Fn::If": ["Either", "yes", "no"]}, "yes"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Size"}]]}, "a-3"),
        ({"Fn::Select": ["1", ["a", "b"]]}, "b"),
        ({"Fn::FindInMap": ["Prices", "small", "month"]}, 7),
        ({"kept": 1, "left": {"Ref": "AWS::NoValue"}}, {"kept": 1}),
        ([1, {"Ref": "AWS::NoValue"}], [1]),
    ],
)
def test_a_function_is_worked_out(node: Any, value: Any) -> None:
    assert resolver().value(node) == value


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        ({"Ref": "Nothing"}, "Nothing is neither a parameter nor a resource made locally"),
        ({"Fn::GetAtt": ["Queue", "Colour"]}, "Queue has no attribute Colour"),
        ({"Fn::Base64": "x"}, "Fn::Base64 is not understood"),
    ],
)
def test_what_is_not_understood_is_said(node: Any, reason: str) -> None:
    with pytest.raises(TemplateError, match=reason):
        resolver().value(node)


def test_a_parameter_without_a_value_is_named() -> None:
    with pytest.raises(TemplateError, match="the parameter Origin has no default"):
        Resolver({"Parameters": PARAMETERS, "Resources": {}}, {})


def test_each_resource_comes_after_those_it_needs() -> None:
    made = resolver(
        Policy={"Type": "T", "Properties": {"Topic": {"Ref": "Topic"}}},
        Bucket={"Type": "T", "DependsOn": "Policy", "Properties": {}},
        Topic={"Type": "T", "Properties": {"Queue": {"Fn::Sub": "${Source.Arn}"}}},
        Source={"Type": "T", "Properties": {}},
    )
    assert list(made.order()) == ["Source", "Topic", "Policy", "Bucket"]


def test_a_resource_whose_condition_fails_is_not_wanted() -> None:
    made = resolver(
        A={"Type": "T", "Condition": "Small"},
        B={"Type": "T", "Condition": "Large"},
        C={"Type": "T"},
    )
    assert [made.wanted(name) for name in "ABC"] == [True, False, True]


def test_short_tags_are_read_as_their_long_forms(tmp_path: Path) -> None:
    path = tmp_path / "stack.yaml"
    path.write_text("a: !Ref B\nc: !GetAtt D.E.F\ng: !If [H, !Sub x, 1]\ni: !Condition J\n")
    assert read(path) == {
        "a": {"Ref": "B"},
        "c": {"Fn::GetAtt": ["D", "E.F"]},
        "g": {"Fn::If": ["H", {"Fn::Sub": "x"}, 1]},
        "i": {"Condition": "J"},
    }
