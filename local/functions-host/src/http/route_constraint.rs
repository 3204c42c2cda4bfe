//! The constraints of route parameters (Microsoft Learn, "Routing in ASP.NET Core", "Route constraints").

use regex::{Regex, RegexBuilder};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::json::date::Date;

/// A condition on a parameter's value.
#[derive(Debug, Clone)]
pub(super) enum Constraint {
    Integer,
    LongInteger,
    Boolean,
    Alphabetic,
    Guid,
    /// `decimal`, which has no exponent.
    Decimal,
    /// `double` and `float`, which have `NaN` and the infinities too.
    Double,
    DateTime,
    /// A name with an extension.
    File,
    NonFile,
    /// Anywhere in the value, in any case.
    Pattern(Regex),
    Minimum(i64),
    Maximum(i64),
    Range(i64, i64),
    Length(usize, usize),
}

/// Reads one, such as `int` or `length(2,5)`.
pub(super) fn constraint(text: &str) -> Result<Constraint, &'static str> {
    let (name, argument) = match text.split_once('(') {
        Some((name, argument)) => {
            (name, argument.strip_suffix(')').ok_or("a constraint's parenthesis is open")?)
        }
        None => (text, ""),
    };
    let number =
        |text: &str| text.trim().parse::<i64>().map_err(|_| "a constraint's argument is not a number");
    let length =
        |text: &str| text.trim().parse::<usize>().map_err(|_| "a constraint's argument is not a length");
    Ok(match name.to_ascii_lowercase().as_str() {
        "int" => Constraint::Integer,
        "long" => Constraint::LongInteger,
        "bool" => Constraint::Boolean,
        "alpha" => Constraint::Alphabetic,
        "guid" => Constraint::Guid,
        "decimal" => Constraint::Decimal,
        "double" | "float" => Constraint::Double,
        "datetime" => Constraint::DateTime,
        "file" => Constraint::File,
        "nonfile" => Constraint::NonFile,
        "regex" => {
            let pattern = RegexBuilder::new(argument).case_insensitive(true).build();
            Constraint::Pattern(
                pattern.map_err(|_| "this host cannot read the pattern of the constraint 'regex'")?,
            )
        }
        "min" => Constraint::Minimum(number(argument)?),
        "max" => Constraint::Maximum(number(argument)?),
        "range" => {
            let (least, most) = argument.split_once(',').ok_or("the constraint 'range' takes two numbers")?;
            Constraint::Range(number(least)?, number(most)?)
        }
        "minlength" => Constraint::Length(length(argument)?, usize::MAX),
        "maxlength" => Constraint::Length(0, length(argument)?),
        "length" => match argument.split_once(',') {
            Some((least, most)) => Constraint::Length(length(least)?, length(most)?),
            None => Constraint::Length(length(argument)?, length(argument)?),
        },
        "required" => Constraint::Length(1, usize::MAX),
        _ => return Err("a constraint of it could not be resolved to a type"),
    })
}

/// Whether a value meets them all.
pub(super) fn allowed(constraints: &[Constraint], value: &str) -> bool {
    constraints.iter().all(|constraint| match constraint {
        Constraint::Integer => value.parse::<i32>().is_ok(),
        Constraint::LongInteger => value.parse::<i64>().is_ok(),
        Constraint::Boolean => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
        Constraint::Alphabetic => value.bytes().all(|byte| byte.is_ascii_alphabetic()),
        Constraint::Guid => uuid::Uuid::parse_str(value).is_ok(),
        Constraint::Decimal => !value.contains(['e', 'E']) && value.parse::<f64>().is_ok_and(f64::is_finite),
        Constraint::Double => value.parse::<f64>().is_ok(),
        Constraint::DateTime => is_date_time(value),
        Constraint::File => is_file(value),
        Constraint::NonFile => !is_file(value),
        Constraint::Pattern(pattern) => pattern.is_match(value),
        Constraint::Minimum(least) => value.parse::<i64>().is_ok_and(|value| value >= *least),
        Constraint::Maximum(most) => value.parse::<i64>().is_ok_and(|value| value <= *most),
        Constraint::Range(least, most) => {
            value.parse::<i64>().is_ok_and(|value| (*least..=*most).contains(&value))
        }
        Constraint::Length(least, most) => (*least..=*most).contains(&value.chars().count()),
    })
}

/// The last segment has a dot that is not its end.
fn is_file(value: &str) -> bool {
    let name = value.rsplit('/').next().unwrap_or_default();
    name.rfind('.').is_some_and(|dot| dot + 1 < name.len())
}

/// The usual forms of those that `DateTime.TryParse` takes in the invariant culture.
fn is_date_time(value: &str) -> bool {
    const FORMS: [&[BorrowedFormatItem<'static>]; 2] = [
        format_description!("[year]-[month]-[day]"),
        format_description!("[month padding:none]/[day padding:none]/[year]"),
    ];
    Date::of(value).is_some() || FORMS.iter().any(|form| time::Date::parse(value, form).is_ok())
}
