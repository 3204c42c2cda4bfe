//! Queries as ASP.NET parses them (dotnet/aspnetcore, `QueryFeature.cs`).

use super::target::unescaped;

/// One name of a query. Names are compared without regard to case; the last spelling stays.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parameter {
    pub(super) name: String,
    values: Vec<String>,
}

impl Parameter {
    /// All values, joined by commas; empty ones add nothing.
    pub(super) fn joined(&self) -> String {
        let values: Vec<&str> =
            self.values.iter().map(String::as_str).filter(|value| !value.is_empty()).collect();
        values.join(",")
    }

    pub(super) fn last(&self) -> &str {
        self.values.last().map(String::as_str).unwrap_or_default()
    }
}

/// The parameters in the order of their first names.
pub(super) fn parameters(text: &str) -> Vec<Parameter> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let [name, value] = [name, value].map(|part| unescaped(&part.replace('+', " "), |_| true));
        match parameters.iter_mut().find(|known| known.name.to_lowercase() == name.to_lowercase()) {
            Some(known) => {
                known.name = name;
                known.values.push(value);
            }
            None => parameters.push(Parameter { name, values: vec![value] }),
        }
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_names_are_joined_and_the_last_spelling_and_value_stay() {
        let check = |text: &str, expected: &[(&str, &str, &str)]| {
            let parameters = parameters(text);
            let shown: Vec<_> =
                parameters.iter().map(|known| (known.name.as_str(), known.joined(), known.last())).collect();
            let shown: Vec<_> =
                shown.iter().map(|(name, joined, last)| (*name, joined.as_str(), *last)).collect();
            assert_eq!(shown, expected, "{text}");
        };
        check("A=1&a=2", &[("a", "1,2", "2")]);
        check("a=1&a=&b", &[("a", "1", ""), ("b", "", "")]);
        check("d=%ff+%2B&=x", &[("d", "%ff +", "%ff +"), ("", "x", "x")]);
    }
}
