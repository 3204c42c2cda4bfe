//! Functions on texts. Lengths and places count as .NET counts them: in units of UTF-16.

use serde_json::{Value, json};

use crate::arm::deployments::template::invalid;
use crate::arm::error::ArmError;

use super::arguments::{integer, text, text_of, texts_of, unfit};

/// A letter in the other case, where that is one letter too: .NET leaves `ß` as it is.
fn one_letter(letter: char, mut changed: impl Iterator<Item = char>) -> char {
    match (changed.next(), changed.next()) {
        (Some(one), None) => one,
        _ => letter,
    }
}

fn lower(text: &str) -> String {
    text.chars().map(|letter| one_letter(letter, letter.to_lowercase())).collect()
}

pub(super) fn to_lower(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(json!(lower(text(function, &values[0])?)))
}

pub(super) fn to_upper(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let text = text(function, &values[0])?;
    Ok(json!(text.chars().map(|letter| one_letter(letter, letter.to_uppercase())).collect::<String>()))
}

pub(super) fn trim(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(json!(text(function, &values[0])?.trim()))
}

pub(super) fn starts_with(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(json!(lower(text(function, &values[0])?).starts_with(&lower(text(function, &values[1])?))))
}

pub(super) fn ends_with(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(json!(lower(text(function, &values[0])?).ends_with(&lower(text(function, &values[1])?))))
}

pub(super) fn replace(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let [whole, old, new] = [0, 1, 2].map(|place| text(function, &values[place]));
    let (whole, old, new) = (whole?, old?, new?);
    if old.is_empty() {
        return Err(unfit(function, &values[1]));
    }
    Ok(json!(whole.replace(old, new)))
}

/// At one text, or at any of several.
pub(super) fn split(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let whole = text(function, &values[0])?;
    let at: Vec<&str> = match &values[1] {
        Value::Array(items) => items.iter().map(|item| text(function, item)).collect::<Result<_, _>>()?,
        one => vec![text(function, one)?],
    };
    let at: Vec<&str> = at.into_iter().filter(|at| !at.is_empty()).collect();
    let (mut parts, mut rest, mut begun) = (Vec::new(), whole, 0);
    while begun < rest.len() {
        match at.iter().find(|at| rest[begun..].starts_with(**at)) {
            Some(found) => {
                parts.push(&rest[..begun]);
                rest = &rest[begun + found.len()..];
                begun = 0;
            }
            None => begun += rest[begun..].chars().next().map_or(1, char::len_utf8),
        }
    }
    parts.push(rest);
    Ok(json!(parts))
}

pub(super) fn join(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let items = values[0].as_array().ok_or_else(|| unfit(function, &values[0]))?;
    Ok(json!(texts_of(function, items)?.join(text(function, &values[1])?)))
}

/// Puts texts in the places `{0}`, `{1}` of a pattern; `{{` and `}}` stand for the braces themselves.
pub(super) fn format(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let pattern = text(function, &values[0])?;
    // Our guess: the words. How a value is to be formatted, as in `{0:D3}`, is not simulated and refused, too.
    let refused =
        || invalid(&format!("The pattern '{pattern}' of the template function 'format' is not valid here"));
    let mut letters = pattern.chars().peekable();
    let mut made = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '{' | '}' if letters.next_if_eq(&letter).is_some() => made.push(letter),
            '{' => {
                let mut number = String::new();
                while let Some(digit) = letters.next_if(char::is_ascii_digit) {
                    number.push(digit);
                }
                letters.next_if_eq(&'}').ok_or_else(refused)?;
                let place = number.parse::<usize>().map_err(|_| refused())?;
                made.push_str(&text_of(
                    function,
                    place.checked_add(1).and_then(|place| values.get(place)).ok_or_else(refused)?,
                )?);
            }
            '}' => return Err(refused()),
            plain => made.push(plain),
        }
    }
    Ok(json!(made))
}

pub(super) fn pad_left(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let (given, width) = (text_of(function, &values[0])?, integer(function, &values[1])?);
    let with = values.get(2).map_or(Ok(" "), |with| text(function, with))?;
    let missing = usize::try_from(width).unwrap_or_default().saturating_sub(units(&given).len());
    if with.chars().count() != 1 || missing > 16_384 {
        return Err(unfit(function, &values[values.len() - 1]));
    }
    Ok(json!(with.repeat(missing) + &given))
}

/// Without regard to case.
pub(super) fn index_of(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    if let Value::Array(items) = &values[0] {
        return Ok(number(items.iter().position(|item| *item == values[1])));
    }
    place(function, values, |mut windows, wanted| windows.position(|window| window == wanted))
}

/// As [`index_of`], from the end.
pub(super) fn last_index_of(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    if let Value::Array(items) = &values[0] {
        return Ok(number(items.iter().rposition(|item| *item == values[1])));
    }
    place(function, values, |mut windows, wanted| windows.rposition(|window| window == wanted))
}

fn place(
    function: &str,
    values: &[Value],
    find: impl Fn(std::slice::Windows<'_, u16>, &[u16]) -> Option<usize>,
) -> Result<Value, ArmError> {
    let whole = units(&lower(text(function, &values[0])?));
    let wanted = units(&lower(text(function, &values[1])?));
    if wanted.is_empty() {
        return Err(unfit(function, &values[1]));
    }
    Ok(number(find(whole.windows(wanted.len()), &wanted)))
}

/// -1 for none.
fn number(place: Option<usize>) -> Value {
    json!(place.and_then(|place| i64::try_from(place).ok()).unwrap_or(-1))
}

pub(super) fn substring(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    let all = units(text(function, &values[0])?);
    let from = integer(function, &values[1])?;
    let length = values.get(2).map(|length| integer(function, length)).transpose()?;
    let end = length.map_or(i64::try_from(all.len()).ok(), |length| from.checked_add(length));
    let range = usize::try_from(from).ok().zip(end.and_then(|end| usize::try_from(end).ok()));
    let part = range.and_then(|(from, end)| all.get(from..end));
    part.map(|part| json!(String::from_utf16_lossy(part))).ok_or_else(|| {
        invalid(&format!(
            "Unable to evaluate the template language function 'substring'. The index and length parameters must refer to \
             a location within the string. The index parameter: '{from}', the length parameter: '{}', the length of the \
             string parameter: '{}'. Please see https://aka.ms/arm-function-substring for usage details.",
            length.unwrap_or_default(),
            all.len()
        ))
    })
}

/// The units that .NET counts.
pub(super) fn units(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}
