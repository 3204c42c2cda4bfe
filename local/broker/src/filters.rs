//! Filters of rules as AMQP values: as requests describe them, and as replies and the log hold them.
//!
//! Microsoft Learn, "AMQP 1.0 in Azure Service Bus: request-response-based operations", rule operations.

use std::collections::BTreeMap;

use serde_amqp::Value;
use serde_amqp::primitives::OrderedMap;

use crate::codec::{Malformed, Positional, as_text, described, lookup};
use crate::message::Properties;
use crate::options::{CorrelationFilter, Filter, PropertyValue};

/// The documentation writes these with one digit less than the descriptor of a rule has, and the service means it so
/// (azure-sdk-for-js, core-amqp, `descriptorCodes`).
const TRUE_FILTER: u64 = 0x0013_7000_0007;
const FALSE_FILTER: u64 = 0x0013_7000_0008;
const CORRELATION_FILTER: u64 = 0x0013_7000_0009;
/// The SQL filters that match everything and nothing, with any blanks: what the .NET SDK sends for its True and False.
const EVERYTHING: &str = "1=1";
const NOTHING: &str = "1=0";

/// Why a filter is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FilterError {
    #[error("the SQL filter '{0}' is not supported: this broker supports correlation filters, 1=1 and 1=0")]
    Sql(String),
    #[error("actions of rules are not supported")]
    Action,
    #[error("a rule needs one filter: a correlation filter, or the SQL filter 1=1 or 1=0")]
    None,
    #[error("a correlation filter needs at least one property")]
    Empty,
    #[error("'{0}' of a filter is missing, or has parts")]
    Property(String),
}

/// The filter that an SQL expression stands for.
pub(crate) fn sql_filter(expression: &str) -> Result<Filter, FilterError> {
    let bare: String = expression.chars().filter(|character| !character.is_whitespace()).collect();
    match bare.as_str() {
        EVERYTHING => Ok(Filter::True),
        NOTHING => Ok(Filter::False),
        _ => Err(FilterError::Sql(expression.to_owned())),
    }
}

/// The filter in a request's description of a rule.
pub(crate) fn read_description(description: &Properties) -> Result<Filter, FilterError> {
    let part = |name: &str| match lookup(description, name) {
        Some(Value::Map(map)) => Some(map),
        _ => None,
    };
    if part("sql-rule-action").is_some() {
        return Err(FilterError::Action);
    }
    match (part("sql-filter"), part("correlation-filter")) {
        (Some(sql), None) => sql_filter(lookup(sql, "expression").and_then(as_text).unwrap_or_default()),
        (None, Some(correlation)) => read_correlation(correlation).map(Box::new).map(Filter::Correlation),
        _ => Err(FilterError::None),
    }
}

fn read_correlation(map: &Properties) -> Result<CorrelationFilter, FilterError> {
    let text = |name: &str| match lookup(map, name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => as_text(value)
            .map(|text| Some(text.to_owned()))
            .ok_or_else(|| FilterError::Property(name.to_owned())),
    };
    let filter = CorrelationFilter {
        correlation_id: text("correlation-id")?,
        message_id: text("message-id")?,
        to: text("to")?,
        reply_to: text("reply-to")?,
        label: text("label")?,
        session_id: text("session-id")?,
        reply_to_session_id: text("reply-to-session-id")?,
        content_type: text("content-type")?,
        properties: match lookup(map, "properties") {
            Some(Value::Map(properties)) => read_properties(properties)?,
            _ => BTreeMap::new(),
        },
    };
    if filter == CorrelationFilter::default() { Err(FilterError::Empty) } else { Ok(filter) }
}

fn read_properties(map: &Properties) -> Result<BTreeMap<String, PropertyValue>, FilterError> {
    let mut properties = BTreeMap::new();
    for (key, value) in map.iter() {
        let name = as_text(key).unwrap_or_default().to_owned();
        let value = property_value(value).ok_or_else(|| FilterError::Property(name.clone()))?;
        properties.insert(name, value);
    }
    Ok(properties)
}

fn property_value(value: &Value) -> Option<PropertyValue> {
    match value {
        Value::Null | Value::List(_) | Value::Map(_) | Value::Array(_) => None,
        scalar => Some(PropertyValue(scalar.clone())),
    }
}

/// A filter as a described list.
pub(crate) fn encode_filter(filter: &Filter) -> Value {
    let filter = match filter {
        Filter::True => return described(TRUE_FILTER, Value::List(Vec::new())),
        Filter::False => return described(FALSE_FILTER, Value::List(Vec::new())),
        Filter::Correlation(filter) => filter,
    };
    let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
    let mut properties = OrderedMap::new();
    for (name, PropertyValue(value)) in &filter.properties {
        properties.insert(Value::from(name.as_str()), value.clone());
    }
    let fields = vec![
        text(&filter.correlation_id),
        text(&filter.message_id),
        text(&filter.to),
        text(&filter.reply_to),
        text(&filter.label),
        text(&filter.session_id),
        text(&filter.reply_to_session_id),
        text(&filter.content_type),
        Value::Map(properties),
    ];
    described(CORRELATION_FILTER, Value::List(fields))
}

/// The filter that a described list holds.
///
/// # Errors
/// When it holds none.
pub(crate) fn decode_filter(value: &Value) -> Result<Filter, Malformed> {
    let fields = Positional::from_value(value.clone())?;
    let text = |index: usize| fields.text(index).map(str::to_owned);
    match fields.code {
        TRUE_FILTER => Ok(Filter::True),
        FALSE_FILTER => Ok(Filter::False),
        CORRELATION_FILTER => Ok(Filter::Correlation(Box::new(CorrelationFilter {
            correlation_id: text(0),
            message_id: text(1),
            to: text(2),
            reply_to: text(3),
            label: text(4),
            session_id: text(5),
            reply_to_session_id: text(6),
            content_type: text(7),
            properties: match fields.get(8) {
                Value::Map(map) => {
                    read_properties(map).map_err(|error| Malformed::because(error.to_string()))?
                }
                _ => BTreeMap::new(),
            },
        }))),
        code => Err(Malformed::because(format!("no filter has the descriptor {code:#x}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_amqp::described::Described;
    use serde_amqp::descriptor::Descriptor;

    use super::*;

    #[test]
    fn a_filter_survives_the_log() {
        let date = Value::Timestamp(serde_amqp::primitives::Timestamp::from_milliseconds(5));
        let offset = Value::Described(Box::new(Described {
            descriptor: Descriptor::Name("com.microsoft:datetime-offset".into()),
            value: Value::Long(7),
        }));
        let values = ["red".into(), 3_i32.into(), 3_i64.into(), 0.5_f64.into(), true.into()];
        let others = [Value::Uuid([3; 16].into()), date, offset].map(PropertyValue::from);
        let properties =
            values.into_iter().chain(others).enumerate().map(|(number, value)| (number.to_string(), value));
        let filter = Filter::Correlation(Box::new(CorrelationFilter {
            label: Some("order".to_owned()),
            properties: properties.collect(),
            ..CorrelationFilter::default()
        }));
        for filter in [filter, Filter::True, Filter::False] {
            assert_eq!(decode_filter(&encode_filter(&filter)), Ok(filter));
        }
    }

    #[test]
    fn only_the_sql_that_matches_everything_or_nothing_is_taken() {
        assert_eq!(sql_filter(" 1 = 1 "), Ok(Filter::True));
        assert_eq!(sql_filter("1=0"), Ok(Filter::False));
        let error = sql_filter("colour = 'red'").unwrap_err();
        assert!(error.to_string().contains("colour = 'red'"), "{error}");
    }
}
