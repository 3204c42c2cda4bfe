//! The constraints of route parameters (Microsoft Learn, "Routing in ASP.NET Core", "Route constraints").

/// A condition on a parameter's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Constraint {
    Integer,
    LongInteger,
    Boolean,
    Alphabetic,
    Guid,
    Decimal,
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
        "decimal" | "double" | "float" => Constraint::Decimal,
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
        _ => return Err("it uses a constraint that this host does not know"),
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
        Constraint::Decimal => value.parse::<f64>().is_ok_and(f64::is_finite),
        Constraint::Minimum(least) => value.parse::<i64>().is_ok_and(|value| value >= *least),
        Constraint::Maximum(most) => value.parse::<i64>().is_ok_and(|value| value <= *most),
        Constraint::Range(least, most) => {
            value.parse::<i64>().is_ok_and(|value| (*least..=*most).contains(&value))
        }
        Constraint::Length(least, most) => (*least..=*most).contains(&value.chars().count()),
    })
}
