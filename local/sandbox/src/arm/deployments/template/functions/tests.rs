//! Values and refusals; `../replay.rs` compares more of them where they are at hand.

use serde_json::Map;

use super::*;
use crate::arm::deployments::template::{Evaluator, Surroundings};
use crate::state::resources::deployment::Template;

fn evaluated(expression: &str) -> Result<Value, ArmError> {
    let template = Template::default();
    let around = Surroundings {
        resource_group: Some(json!({ "name": "g" })),
        subscription: json!({ "subscriptionId": "s" }),
        tenant: json!({}),
        deployment: json!({}),
    };
    Evaluator::new(&template, &around, &Map::new()).value(&json!(format!("[{expression}]")))
}

#[test]
fn functions_have_the_values_that_azure_gives() {
    let table = [
        ("union(json('{\"t\":{\"x\":1}}'), json('{\"T\":{\"y\":2}}'))", json!({ "T": { "x": 1, "y": 2 } })),
        ("union(createArray(2, 1), createArray(1, 3))", json!([2, 1, 3])),
        ("toUpper('straße')", json!("STRAßE")),
        ("toLower('İI')", json!("İi")),
        ("bool('TRUE')", json!(true)),
        ("string(createArray(1, 'a'))", json!("[1,\"a\"]")),
        ("concat(true(), 'x', 7)", json!("Truex7")),
        ("split('a--b;c;', createArray('--', ';'))", json!(["a", "b", "c", ""])),
        ("format('{{{1}}} and {0}', 'a', 2)", json!("{2} and a")),
        ("substring('a😀b', 1, 2)", json!("😀")),
        ("length('😀')", json!(2)),
        ("first('')", json!("")),
        ("last('')", json!("")),
        ("lastIndexOf('Aba', 'A')", json!(2)),
        ("indexOf('abc', 'd')", json!(-1)),
        ("indexOf(createArray('A', 'b', 'a'), 'a')", json!(2)),
        ("lastIndexOf(createArray('a', 'b', 'a'), 'a')", json!(2)),
        ("indexOf(createArray(1), 3)", json!(-1)),
        ("skip(createArray(1, 2), 5)", json!([])),
        ("take('abc', -1)", json!("")),
        ("mod(-5, 3)", json!(-2)),
        ("max(createArray(3, 9, 2))", json!(9)),
        ("less('B', 'a')", json!(true)),
        ("intersection(createObject('a', 1, 'b', 2), createObject('b', 2, 'a', 3))", json!({ "b": 2 })),
        ("items(createObject('b', 1, 'A', 2))[0].key", json!("A")),
        ("tryGet(createObject('a', createArray(1, 2)), 'a', 5)", Value::Null),
        ("tryIndexFromEnd(createArray(1, 2), 3)", Value::Null),
        ("base64ToString(base64('ü'))", json!("ü")),
        ("uriComponentToString(uriComponent('a b&c+d=ü'))", json!("a b&c+d=ü")),
        ("uri('https://h/a/', 'b')", json!("https://h/a/b")),
        ("uniqueString('')", json!("aaaaaaaaaaaaa")),
        ("resourceId('N/a/b', 'x', 'y')", json!("/subscriptions/s/resourceGroups/g/providers/N/a/x/b/y")),
        ("subscriptionResourceId('t', 'N/a', 'x')", json!("/subscriptions/t/providers/N/a/x")),
        ("tenantResourceId('N/a', 'x')", json!("/providers/N/a/x")),
        ("if(false(), div(1, 0), 'other')", json!("other")),
    ];
    for (expression, expected) in table {
        assert_eq!(evaluated(expression), Ok(expected), "{expression}");
    }
}

#[test]
fn what_cannot_be_known_or_done_is_refused() {
    let table = [
        ("fly('x')", "The template function 'fly' is not valid"),
        ("dateTimeAdd('2026-01-01', 'P1D')", "The template function 'dateTimeAdd' is not valid"),
        ("string(createObject('a', 1, 'b', 2))", "The sandbox does not have the template function 'string'"),
        ("format('{0:D3}', 1)", "The pattern '{0:D3}'"),
        ("bool('yes')", "The value cannot be converted to the target type."),
        ("int('1.5')", "The value cannot be converted to the target type."),
        ("mod(1, 0)", "'mod' tried to divide by zero."),
        ("add(9223372036854775807, 1)", "cannot be applied"),
        ("trim()", "'trim': function requires 1 argument(s) while 0 were provided."),
        ("union(createArray(1))", "function requires at least 2 argument(s) while 1 were provided."),
        ("substring('a', 0, 1, 2)", "function requires 2 to 3 arguments while 4 were provided."),
        ("substring('abc', -1)", "must refer to a location within the string."),
        ("range(0, 10001)", "cannot be applied"),
        ("padLeft('a', 99999999)", "cannot be applied"),
        ("add(1, 2.5)", "at position '7' is not valid: float point numbers are not supported."),
    ];
    for (expression, expected) in table {
        let refused = evaluated(expression).unwrap_err();
        assert!(refused.message.contains(expected), "{expression}: {}", refused.message);
    }
}
