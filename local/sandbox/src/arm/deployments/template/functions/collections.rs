//! Functions on arrays and objects, and those that take texts as well.

use serde_json::{Map, Value, json};

use crate::arm::deployments::template::{invalid, member};
use crate::arm::error::ArmError;

use super::arguments::{integer, text, text_of, texts_of, type_name, unfit};
use super::texts::units;

pub(super) fn array(_: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(if values[0].is_array() { values[0].clone() } else { json!([values[0]]) })
}

pub(super) fn concat(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    if values[0].is_array() {
        return Ok(json!(arrays(function, values)?.concat()));
    }
    Ok(json!(texts_of(function, values)?.concat()))
}

/// With regard to case, but for the names in an object.
pub(super) fn contains(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(json!(match (&values[0], &values[1]) {
        (Value::String(whole), part) => whole.contains(&text_of(function, part)?),
        (Value::Array(items), item) => items.contains(item),
        (Value::Object(members), Value::String(name)) => member(members, name).is_some(),
        (other, _) => return Err(unfit(function, other)),
    }))
}

pub(super) fn create_object(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    if !values.len().is_multiple_of(2) {
        return Err(unfit(function, &values[values.len() - 1]));
    }
    let pairs =
        values.chunks_exact(2).map(|pair| Ok((text(function, &pair[0])?.to_owned(), pair[1].clone())));
    pairs.collect::<Result<Map<_, _>, ArmError>>().map(Value::Object)
}

pub(super) fn first(_: &str, values: &[Value]) -> Result<Value, ArmError> {
    end_of("first", &values[0], |items| items.first().cloned(), |all| all.get(..1))
}

pub(super) fn last(_: &str, values: &[Value]) -> Result<Value, ArmError> {
    end_of("last", &values[0], |items| items.last().cloned(), |all| all.get(all.len().wrapping_sub(1)..))
}

fn end_of(
    function: &str,
    of: &Value,
    item: impl Fn(&[Value]) -> Option<Value>,
    unit: impl Fn(&[u16]) -> Option<&[u16]>,
) -> Result<Value, ArmError> {
    match of {
        Value::Array(items) => Ok(item(items).into()),
        Value::String(text) => Ok(json!(String::from_utf16_lossy(unit(&units(text)).unwrap_or_default()))),
        other => Err(invalid(&format!(
            "The template language function '{function}' expects its parameter be an array or a string. The provided value is \
             of type '{}'. Please see https://aka.ms/arm-function-{function} for usage details.",
            type_name(other)
        ))),
    }
}

pub(super) fn flatten(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let items = values[0].as_array().ok_or_else(|| unfit(function, &values[0]))?;
    Ok(json!(arrays(function, items)?.concat()))
}

/// Of objects, what has the same name and value in all of them.
pub(super) fn intersection(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    if values[0].is_array() {
        let arrays = arrays(function, values)?;
        let (first, others) = arrays.split_first().map_or((&[][..], &[][..]), |(first, rest)| (first, rest));
        let mut common: Vec<&Value> = Vec::new();
        for item in first {
            if others.iter().all(|other| other.contains(item)) && !common.contains(&item) {
                common.push(item);
            }
        }
        return Ok(json!(common));
    }
    let objects = objects(function, values)?;
    let (first, others) = (objects[0], &objects[1..]);
    let common =
        first.iter().filter(|(name, value)| others.iter().all(|other| other.get(*name) == Some(*value)));
    Ok(Value::Object(common.map(|(name, value)| (name.clone(), value.clone())).collect()))
}

/// In the order of their names.
pub(super) fn items(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let object = values[0].as_object().ok_or_else(|| unfit(function, &values[0]))?;
    let mut pairs: Vec<(&String, &Value)> = object.iter().collect();
    pairs.sort_by_key(|(name, _)| name.to_lowercase());
    Ok(pairs.into_iter().map(|(name, value)| json!({ "key": name, "value": value })).collect())
}

pub(super) fn length(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(json!(match &values[0] {
        Value::String(text) => units(text).len(),
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        other => return Err(unfit(function, other)),
    }))
}

pub(super) fn range(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let (from, count) = (integer(function, &values[0])?, integer(function, &values[1])?);
    // Documented: at most 10,000, and their sum at most 2,147,483,647.
    if !(0..=10_000).contains(&count) || from.saturating_add(count) > i64::from(i32::MAX) {
        return Err(unfit(function, &values[1]));
    }
    Ok((from..from + count).collect())
}

pub(super) fn skip(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    part(function, values, |count, length| count.min(length)..length)
}

pub(super) fn take(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    part(function, values, |count, length| 0..count.min(length))
}

/// A negative number counts as none.
fn part(
    function: &str,
    values: &[Value],
    range: impl Fn(usize, usize) -> std::ops::Range<usize>,
) -> Result<Value, ArmError> {
    let count = usize::try_from(integer(function, &values[1])?.max(0)).unwrap_or(usize::MAX);
    match &values[0] {
        Value::Array(items) => Ok(json!(items[range(count, items.len())])),
        Value::String(text) => {
            let all = units(text);
            Ok(json!(String::from_utf16_lossy(&all[range(count, all.len())])))
        }
        other => Err(unfit(function, other)),
    }
}

/// Follows names and numbers; nothing where one of them leads nowhere.
pub(super) fn try_get(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let mut reached = &values[0];
    for name in &values[1..] {
        let next = match (reached, name) {
            (Value::Object(members), Value::String(name)) => member(members, name),
            (Value::Array(items), Value::Number(_)) => {
                usize::try_from(integer(function, name)?).ok().and_then(|place| items.get(place))
            }
            (Value::Null, _) => None,
            (other, _) => return Err(unfit(function, other)),
        };
        let Some(next) = next else { return Ok(Value::Null) };
        reached = next;
    }
    Ok(reached.clone())
}

/// The last item is number one.
pub(super) fn try_index_from_end(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let items = values[0].as_array().ok_or_else(|| unfit(function, &values[0]))?;
    let from_end = usize::try_from(integer(function, &values[1])?).ok();
    Ok(from_end
        .and_then(|from_end| items.len().checked_sub(from_end))
        .and_then(|place| items.get(place))
        .cloned()
        .into())
}

pub(super) fn union(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    if values[0].is_array() {
        let mut union: Vec<Value> = Vec::new();
        for item in arrays(function, values)?.concat() {
            if !union.contains(&item) {
                union.push(item);
            }
        }
        return Ok(json!(union));
    }
    let mut union = Map::new();
    for object in objects(function, values)? {
        merge(&mut union, object);
    }
    Ok(Value::Object(union))
}

/// A later value counts, under the later spelling of its name; objects that have one name become one.
fn merge(into: &mut Map<String, Value>, other: &Map<String, Value>) {
    for (name, value) in other {
        let known = into.keys().find(|known| known.eq_ignore_ascii_case(name)).cloned();
        let held = known.and_then(|known| into.remove(&known));
        let value = match (held, value) {
            (Some(Value::Object(mut held)), Value::Object(value)) => {
                merge(&mut held, value);
                Value::Object(held)
            }
            _ => value.clone(),
        };
        into.insert(name.clone(), value);
    }
}

fn arrays(function: &str, values: &[Value]) -> Result<Vec<Vec<Value>>, ArmError> {
    values.iter().map(|value| value.as_array().cloned().ok_or_else(|| unfit(function, value))).collect()
}

fn objects<'a>(function: &str, values: &'a [Value]) -> Result<Vec<&'a Map<String, Value>>, ArmError> {
    values.iter().map(|value| value.as_object().ok_or_else(|| unfit(function, value))).collect()
}
