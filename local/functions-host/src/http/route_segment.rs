//! One segment of a route template: plain text, a parameter, or text and parameters mixed, as in `{name}.json`.

use super::route_constraint::{Constraint, allowed, constraint};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Literal(String),
    Parameter(Parameter),
    /// Texts and parameters in turn; no two parameters stand side by side.
    Mixed(Vec<Part>),
    CatchAll(Parameter),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) constraints: Vec<Constraint>,
    pub(super) absent: Absent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
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

    /// Literals before constrained parameters before free ones before catch-alls.
    pub(super) fn rank(&self) -> u8 {
        let constrained = |parameter: &Parameter| u8::from(!parameter.constraints.is_empty());
        match self {
            Self::Literal(_) => 1,
            Self::Mixed(_) => 2,
            Self::Parameter(parameter) => 4 - constrained(parameter),
            Self::CatchAll(parameter) => 6 - constrained(parameter),
        }
    }
}

fn catch_all(parameter: Parameter) -> Result<Segment, &'static str> {
    match parameter.absent {
        Absent::Required => Ok(Segment::CatchAll(parameter)),
        Absent::Optional | Absent::Default(_) => {
            Err("a catch-all parameter cannot be marked optional or have a default")
        }
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
    let required = |part: &Part| match part {
        Part::Text(_) => true,
        Part::Parameter(parameter) => parameter.absent == Absent::Required,
    };
    // ASP.NET knows `{name}.{extension?}` besides; this host does not.
    if parts.iter().all(required) {
        Ok(Segment::Mixed(parts))
    } else {
        Err("a parameter beside text cannot be optional or have a default in this host")
    }
}

fn parts(text: &str) -> Result<Vec<Part>, &'static str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        match rest.find(['{', '}']) {
            None => {
                parts.push(Part::Text(rest.to_owned()));
                break;
            }
            Some(index) if rest[index..].starts_with('}') => {
                return Err("a closing brace has no opening one");
            }
            Some(index) => {
                if index > 0 {
                    parts.push(Part::Text(rest[..index].to_owned()));
                }
                let inner = &rest[index + 1..];
                let end = inner.find('}').ok_or("an opening brace has no closing one")?;
                parts.push(Part::Parameter(parameter(&inner[..end])?));
                rest = &inner[end + 1..];
            }
        }
    }
    Ok(parts)
}

/// What stands between braces.
fn parameter(inner: &str) -> Result<Parameter, &'static str> {
    let inner = inner.trim_start_matches('*');
    let (inner, default) = match inner.split_once('=') {
        Some((inner, default)) => (inner, Some(default.to_owned())),
        None => (inner, None),
    };
    let (inner, optional) = match inner.strip_suffix('?') {
        Some(inner) => (inner, true),
        None => (inner, false),
    };
    let mut parts = inner.split(':');
    let name = parts.next().unwrap_or_default().to_owned();
    if name.is_empty() || name.contains(['/', '*', '?', '{']) {
        return Err("the route parameter name is invalid");
    }
    let constraints = parts.map(constraint).collect::<Result<Vec<_>, _>>()?;
    let absent = match (default, optional) {
        (Some(_), true) => return Err("an optional parameter cannot have a default value"),
        (Some(value), false) => Absent::Default(value),
        (None, true) => Absent::Optional,
        (None, false) => Absent::Required,
    };
    Ok(Parameter { name, constraints, absent })
}

/// Values of a mixed segment. ASP.NET matches from the right, so that of `a.b.c` under `{name}.{extension}` the
/// extension is `c`. No parameter is empty.
pub(super) fn match_mixed(parts: &[Part], segment: &str) -> Option<Vec<(String, Option<String>)>> {
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
