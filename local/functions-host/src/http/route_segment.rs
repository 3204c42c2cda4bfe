//! One segment of a route template: plain text, a parameter, or text and parameters mixed, as in `{name}.json`.

use super::route_constraint::{Constraint, allowed, constraint};

#[derive(Debug, Clone)]
pub(super) enum Segment {
    Literal(String),
    Parameter(Parameter),
    /// Texts and parameters in turn; no two parameters stand side by side.
    Mixed(Vec<Part>),
    CatchAll(Parameter),
}

#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) constraints: Vec<Constraint>,
    pub(super) absent: Absent,
}

#[derive(Debug, Clone)]
pub(super) enum Part {
    Text(String),
    Parameter(Parameter),
}

/// What becomes of a parameter whose segment the path does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Absent {
    Required,
    Optional,
    Default(String),
}

impl Segment {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("the route template separator character '/' cannot appear consecutively");
        }
        let parts = parts(text)?;
        match parts.as_slice() {
            [Part::Text(text)] => Ok(Self::Literal(text.clone())),
            [Part::Parameter(parameter)] if text.starts_with("{*") => catch_all(parameter.clone()),
            [Part::Parameter(parameter)] => Ok(Self::Parameter(parameter.clone())),
            _ => mixed(parts, text),
        }
    }

    /// The names of its parameters.
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Literal(_) => Vec::new(),
            Self::Parameter(parameter) | Self::CatchAll(parameter) => vec![&parameter.name],
            Self::Mixed(parts) => parts
                .iter()
                .filter_map(|part| match part {
                    Part::Parameter(parameter) => Some(parameter.name.as_str()),
                    Part::Text(_) => None,
                })
                .collect(),
        }
    }
}

fn catch_all(parameter: Parameter) -> Result<Segment, &'static str> {
    match parameter.absent {
        Absent::Required | Absent::Default(_) => Ok(Segment::CatchAll(parameter)),
        Absent::Optional => Err("a catch-all parameter cannot be marked optional"),
    }
}

fn mixed(parts: Vec<Part>, text: &str) -> Result<Segment, &'static str> {
    if text.contains("{*") {
        return Err("a catch-all parameter has to be a segment of its own");
    }
    let is_parameter = |part: &Part| matches!(part, Part::Parameter(_));
    if parts.windows(2).any(|pair| pair.iter().all(is_parameter)) {
        return Err("two parameters need a text between them");
    }
    // Only the last one can be left out, with the dot before it: `{name}.{extension?}`.
    let is_required =
        |part: &Part| !matches!(part, Part::Parameter(Parameter { absent: Absent::Optional, .. }));
    let (last, before) = parts.split_last().ok_or("a segment is empty")?;
    let stands_behind_a_dot = matches!(before.last(), Some(Part::Text(text)) if text == ".");
    if !before.iter().all(is_required) || !(is_required(last) || stands_behind_a_dot) {
        return Err("in a segment with text only the last parameter can be optional, behind a dot");
    }
    Ok(Segment::Mixed(parts))
}

fn parts(text: &str) -> Result<Vec<Part>, &'static str> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            // Doubled braces are plain ones.
            '{' | '}' if characters.next_if_eq(&character).is_some() => literal.push(character),
            '}' => return Err("there is an incomplete parameter in the route template"),
            '{' => {
                if !literal.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                }
                parts.push(Part::Parameter(parameter(&inner_text(&mut characters)?)?));
            }
            '?' => return Err("a literal section cannot contain the '?' character"),
            other => literal.push(other),
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    Ok(parts)
}

/// What stands between braces, without the closing one.
fn inner_text(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, &'static str> {
    let mut inner = String::new();
    loop {
        match characters.next() {
            None => return Err("there is an incomplete parameter in the route template"),
            Some(brace @ ('{' | '}')) if characters.next_if_eq(&brace).is_some() => inner.push(brace),
            Some('}') => return Ok(inner),
            Some('{') => return Err("a brace stands within a parameter"),
            Some(other) => inner.push(other),
        }
    }
}

fn parameter(inner: &str) -> Result<Parameter, &'static str> {
    let inner = inner.trim_start_matches('*');
    let mut sections = sections(inner).into_iter();
    let head = sections.next().unwrap_or_default();
    let mut constraints: Vec<&str> = sections.collect();
    // A default or a question mark ends the last section.
    let last = constraints.last_mut();
    let end = last.map_or(head, |last| *last);
    let (rest, absent) = match (end.split_once('='), end.strip_suffix('?')) {
        (Some((rest, default)), _) if !rest.contains('(') || rest.ends_with(')') => {
            if rest.ends_with('?') {
                return Err("an optional parameter cannot have a default value");
            }
            (rest, Absent::Default(default.to_owned()))
        }
        (_, Some(rest)) => (rest, Absent::Optional),
        _ => (end, Absent::Required),
    };
    let name = match constraints.last_mut() {
        Some(last) => {
            *last = rest;
            head
        }
        None => rest,
    };
    if name.is_empty() || name.contains(['/', '*', '?', '{', '}']) {
        return Err("the route parameter name is invalid");
    }
    let constraints = constraints.into_iter().map(constraint).collect::<Result<Vec<_>, _>>()?;
    Ok(Parameter { name: name.to_owned(), constraints, absent })
}

/// A name and its constraints, split at the colons outside of parentheses.
fn sections(inner: &str) -> Vec<&str> {
    let mut sections = Vec::new();
    let (mut start, mut depth) = (0, 0_u32);
    for (index, character) in inner.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => {
                sections.push(&inner[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    sections.push(&inner[start..]);
    sections
}

/// Values of a mixed segment. ASP.NET matches from the right, so that of `a.b.c` under `{name}.{extension}` the
/// extension is `c`. No parameter is empty.
pub(super) fn match_mixed(parts: &[Part], segment: &str) -> Option<Vec<(String, Option<String>)>> {
    if let Some(values) = match_whole(parts, segment) {
        return Some(values);
    }
    // The last parameter can be left out, and the dot with it.
    let [before @ .., Part::Text(_), Part::Parameter(Parameter { name, absent: Absent::Optional, .. })] =
        parts
    else {
        return None;
    };
    let mut values = match_whole(before, segment)?;
    values.push((name.clone(), None));
    Some(values)
}

fn match_whole(parts: &[Part], segment: &str) -> Option<Vec<(String, Option<String>)>> {
    let mut values = Vec::new();
    let mut rest = segment;
    let mut pending: Option<&Parameter> = None;
    for part in parts.iter().rev() {
        match (part, pending.take()) {
            (Part::Parameter(parameter), None) => pending = Some(parameter),
            (Part::Text(text), None) => {
                let start = rest.len().checked_sub(text.len())?;
                let end = rest.get(start..)?;
                end.eq_ignore_ascii_case(text).then_some(())?;
                rest = &rest[..start];
            }
            (Part::Text(text), Some(parameter)) => {
                // Something has to be left for the parameter behind the text.
                let last = rest.char_indices().next_back()?.0;
                let start = rest[..last].to_ascii_lowercase().rfind(&text.to_ascii_lowercase())?;
                take(parameter, rest.get(start + text.len()..)?, &mut values)?;
                rest = &rest[..start];
            }
            (Part::Parameter(_), Some(_)) => return None,
        }
    }
    match pending {
        Some(parameter) => take(parameter, rest, &mut values)?,
        None => rest.is_empty().then_some(())?,
    }
    values.reverse();
    Some(values)
}

fn take(parameter: &Parameter, value: &str, values: &mut Vec<(String, Option<String>)>) -> Option<()> {
    if value.is_empty() || !allowed(&parameter.constraints, value) {
        return None;
    }
    values.push((parameter.name.clone(), Some(value.to_owned())));
    Some(())
}
