"""CloudFormation makes first what a resource needs; `sam validate --lint` does not see where that fails."""

import copy

from tests.template.translated import Template, cyclic, dependencies, everything_needed_by, translate


def needed_by_functions(translated: Template) -> dict[str, set[str]]:
    graph = dependencies(translated)
    return {
        name: everything_needed_by(name, graph)
        for name, resource in translated["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
    }


def with_address_in_environment(template: Template) -> Template:
    changed = copy.deepcopy(template)
    read = changed["Resources"]["ReadFunction"]["Properties"]
    read["Environment"] = {"Variables": {"ADDRESS": {"Fn::Sub": "https://${Distribution.DomainName}"}}}
    return changed


def test_no_resource_needs_itself(template: Template) -> None:
    assert cyclic(dependencies(translate(template))) == set()


def test_no_function_needs_the_distribution(template: Template) -> None:
    needed = needed_by_functions(translate(template))

    assert len(needed) >= 4
    assert [name for name, resources in needed.items() if "Distribution" in resources] == []


def test_the_distribution_needs_the_api_and_that_the_function_behind_it(template: Template) -> None:
    graph = dependencies(translate(template))

    assert {"HttpApi", "ReadFunction", "BeeperChatsTable"} <= everything_needed_by("Distribution", graph)


def test_a_function_that_is_told_the_public_address_is_found_to_be_a_cycle(template: Template) -> None:
    translated = translate(with_address_in_environment(template))

    assert cyclic(dependencies(translated)) == {"Distribution", "HttpApi", "ReadFunction"}
    assert "Distribution" in needed_by_functions(translated)["ReadFunction"]


def test_every_way_of_naming_a_resource_counts_as_needing_it() -> None:
    needy = {
        "DependsOn": ["ByDependsOn"],
        "Properties": {
            "A": {"Ref": "ByRef"},
            "B": [{"Fn::GetAtt": ["ByGetAtt", "Arn"]}],
            "C": {"Fn::GetAtt": "ByDottedGetAtt.Arn"},
            "D": {"Fn::Sub": "x-${BySub}-${ByDottedSub.Arn}-${!NotThis}-${AWS::Region}"},
            "E": {"Fn::Sub": ["${given}-${ByListSub}", {"given": {"Ref": "ByGivenValue"}}]},
            "F": {"Fn::If": ["Condition", {"Fn::Join": ["", [{"Ref": "ByJoin"}]]}, {"Ref": "AWS::NoValue"}]},
        },
    }
    others = [
        "ByDependsOn",
        "ByRef",
        "ByGetAtt",
        "ByDottedGetAtt",
        "BySub",
        "ByDottedSub",
        "ByListSub",
        "ByGivenValue",
        "ByJoin",
    ]

    graph = dependencies({"Resources": {"Needy": needy, "NotThis": {}} | {name: {} for name in others}})

    assert graph["Needy"] == set(others)
