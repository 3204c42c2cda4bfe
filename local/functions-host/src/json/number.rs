//! Numbers as Newtonsoft.Json and .NET write them.

/// A whole number of any size, or a `double`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Number {
    /// Its digits, with a sign where it is negative.
    Integer(String),
    Double(f64),
    Float(f32),
    /// .NET's `decimal`, which keeps the zeros at its end.
    Decimal(String),
}

impl Number {
    /// As it stands in JSON. What is no number there is a text: `"NaN"`.
    pub(crate) fn to_json(&self) -> String {
        let text = self.to_dotnet();
        match self {
            Self::Integer(_) => text,
            Self::Double(value) if !value.is_finite() => format!("\"{text}\""),
            Self::Float(value) if !value.is_finite() => format!("\"{text}\""),
            Self::Double(_) | Self::Float(_) | Self::Decimal(_) if !text.contains(['.', 'E']) => {
                format!("{text}.0")
            }
            Self::Double(_) | Self::Float(_) | Self::Decimal(_) => text,
        }
    }

    /// What `ToString(CultureInfo.InvariantCulture)` makes of it.
    pub(crate) fn to_dotnet(&self) -> String {
        match self {
            Self::Integer(digits) | Self::Decimal(digits) => digits.clone(),
            Self::Double(value) => shortest(*value, &format!("{value}"), &format!("{value:e}")),
            Self::Float(value) => shortest(f64::from(*value), &format!("{value}"), &format!("{value:e}")),
        }
    }
}

/// The shortest digits that read as the same number; with an exponent from 1E+15 on and below 0.0001.
fn shortest(value: f64, plain: &str, scientific: &str) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let (mantissa, exponent) = scientific.split_once('e').expect("this form has an exponent");
    let exponent: i32 = exponent.parse().expect("it is a number");
    if value == 0.0 || (-5 < exponent && exponent < 15) {
        return plain.to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}E{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_dotnet_writes_them() {
        let check = |value: f64, json: &str, dotnet: &str| {
            let number = Number::Double(value);
            assert_eq!((number.to_json().as_str(), number.to_dotnet().as_str()), (json, dotnet));
        };
        check(3.0, "3.0", "3");
        check(0.1, "0.1", "0.1");
        check(1e5, "100000.0", "100000");
        check(1e15, "1E+15", "1E+15");
        check(1e20, "1E+20", "1E+20");
        check(0.0001, "0.0001", "0.0001");
        check(1e-7, "1E-07", "1E-07");
        check(12_345_678_901_234_567_890.5, "1.2345678901234567E+19", "1.2345678901234567E+19");
        check(f64::NAN, "\"NaN\"", "NaN");
        check(f64::NEG_INFINITY, "\"-Infinity\"", "-Infinity");
        assert_eq!(Number::Float(0.1).to_json(), "0.1");
        assert_eq!(Number::Decimal("1.10".to_owned()).to_json(), "1.10");
    }
}
