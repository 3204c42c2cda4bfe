//! Loops: `copy` on a resource, and in place of the members of an object.
//!
//! Microsoft Learn, "Resource iteration in ARM templates", "Property iteration" and "Variable iteration".

use serde_json::{Map, Value, json};

use crate::arm::error::ArmError;
use crate::state::resources::deployment::Turn;

use super::scope::Evaluate;
use super::{invalid, unsupported};

/// Azure repeats nothing more often (documented).
const MOST_TURNS: i64 = 800;
/// Loops in loops multiply. Our guess: that there are no three of them; no template of Bicep's has more than two.
const DEEPEST: usize = 2;

/// The loop of a resource: what it is called, and how often it goes round.
pub(super) fn of_resource(copy: &Value, evaluator: &dyn Evaluate) -> Result<(String, usize), ArmError> {
    if copy
        .get("mode")
        .is_some_and(|mode| !mode.as_str().is_some_and(|mode| mode.eq_ignore_ascii_case("parallel")))
    {
        return Err(unsupported("'copy' with the mode 'serial'"));
    }
    let name = name(copy, evaluator)?;
    let turns = turns(copy, evaluator)?;
    Ok((name, turns))
}

/// Loops that stand in place of an object's members. Anything else that is called `copy` is a member like all others.
pub(super) fn loops<'v>(name: &str, value: &'v Value) -> Option<Vec<&'v Map<String, Value>>> {
    let loops = value.as_array().filter(|_| name == "copy")?;
    let loops: Option<Vec<&Map<String, Value>>> = loops.iter().map(Value::as_object).collect();
    loops.filter(|loops| {
        let is_one =
            |one: &&Map<String, Value>| ["name", "count", "input"].iter().all(|part| one.contains_key(*part));
        !loops.is_empty() && loops.iter().all(is_one)
    })
}

/// The members that loops stand for.
pub(super) fn repeated(
    evaluator: &dyn Evaluate,
    loops: &[&Map<String, Value>],
) -> Result<Map<String, Value>, ArmError> {
    if evaluator.turns() > DEEPEST {
        return Err(unsupported(&format!("loops in more than {DEEPEST} others")));
    }
    let mut members = Map::new();
    for one in loops {
        let copy = Value::Object((*one).clone());
        let name = name(&copy, evaluator)?;
        let items = (0..turns(&copy, evaluator)?)
            .map(|index| evaluator.value_in(Some(Turn { name: name.clone(), index }), &copy["input"]));
        members.insert(name.clone(), items.collect::<Result<Value, _>>()?);
    }
    Ok(members)
}

/// A variable that a loop stands for; none where the variable is a plain one.
pub(super) fn variable(
    evaluator: &dyn Evaluate,
    variables: &Map<String, Value>,
    name: &str,
) -> Result<Option<Value>, ArmError> {
    let loops = variables.get("copy").and_then(|copy| loops("copy", copy)).unwrap_or_default();
    let wanted: Vec<_> = loops.into_iter().filter(|one| is_called(one, name)).collect();
    match wanted.is_empty() {
        true => Ok(None),
        false => Ok(repeated(evaluator, &wanted)?.into_iter().next().map(|(_, value)| value)),
    }
}

/// A variable as it is declared: its value, or what its loop repeats.
pub(super) fn declared(variables: &Map<String, Value>, name: &str) -> Option<Value> {
    let loops = variables.get("copy").and_then(|copy| loops("copy", copy)).unwrap_or_default();
    let wanted = loops.into_iter().find(|one| is_called(one, name));
    wanted.map(|one| json!(one)).or_else(|| super::member(variables, name).cloned())
}

fn is_called(one: &Map<String, Value>, name: &str) -> bool {
    one["name"].as_str().is_some_and(|called| called.eq_ignore_ascii_case(name))
}

fn name(copy: &Value, evaluator: &dyn Evaluate) -> Result<String, ArmError> {
    match evaluator.value_in(None, copy.get("name").unwrap_or(&Value::Null))? {
        Value::String(name) => Ok(name),
        other => Err(invalid(&format!("The 'name' of a copy has to be a text and not {other}"))),
    }
}

fn turns(copy: &Value, evaluator: &dyn Evaluate) -> Result<usize, ArmError> {
    let count = evaluator.value_in(None, copy.get("count").unwrap_or(&Value::Null))?;
    let fits = count.as_i64().filter(|count| (0..=MOST_TURNS).contains(count));
    let turns = fits.and_then(|count| usize::try_from(count).ok());
    turns.ok_or_else(|| {
        invalid(&format!("The 'count' of a copy is no whole number from 0 to {MOST_TURNS} but {count}"))
    })
}
