//! The file, field by field. The names are the file's.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Visitor};

use super::{Configuration, ConfigurationError, duration};
use crate::filters::sql_filter;
use crate::options::{
    CorrelationFilter, Filter, PropertyValue, QueueOptions, RuleOptions, SubscriptionOptions, TopicOptions,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct File {
    user_config: UserConfig,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct UserConfig {
    namespaces: Vec<Namespace>,
    /// Where the emulator writes its log. This broker has no use for it.
    #[serde(rename = "Logging", default)]
    _logging: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Namespace {
    name: String,
    #[serde(default)]
    queues: Vec<Queue>,
    #[serde(default)]
    topics: Vec<Topic>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Queue {
    name: String,
    #[serde(default)]
    properties: QueueProperties,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "PascalCase", default)]
struct QueueProperties {
    #[serde(deserialize_with = "duration::lock")]
    lock_duration: Option<Duration>,
    #[serde(deserialize_with = "max_delivery_count")]
    max_delivery_count: Option<u32>,
    requires_duplicate_detection: bool,
    #[serde(deserialize_with = "duration::duplicate_window")]
    duplicate_detection_history_time_window: Option<Duration>,
    #[serde(deserialize_with = "duration::time_to_live")]
    default_message_time_to_live: Option<Duration>,
    dead_lettering_on_message_expiration: bool,
    requires_session: bool,
    forward_to: String,
    forward_dead_lettered_messages_to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Topic {
    name: String,
    #[serde(default)]
    properties: TopicProperties,
    #[serde(default)]
    subscriptions: Vec<Subscription>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "PascalCase", default)]
struct TopicProperties {
    requires_duplicate_detection: bool,
    #[serde(deserialize_with = "duration::duplicate_window")]
    duplicate_detection_history_time_window: Option<Duration>,
    #[serde(deserialize_with = "duration::time_to_live")]
    default_message_time_to_live: Option<Duration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Subscription {
    name: String,
    #[serde(default)]
    properties: SubscriptionProperties,
    /// Without any, the subscription has the rule `$Default`, as one has that is made in Azure without rules.
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "PascalCase", default)]
struct SubscriptionProperties {
    #[serde(deserialize_with = "duration::lock")]
    lock_duration: Option<Duration>,
    #[serde(deserialize_with = "max_delivery_count")]
    max_delivery_count: Option<u32>,
    #[serde(deserialize_with = "duration::time_to_live")]
    default_message_time_to_live: Option<Duration>,
    dead_lettering_on_message_expiration: bool,
    requires_session: bool,
    forward_to: String,
    forward_dead_lettered_messages_to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Rule {
    name: String,
    properties: RuleProperties,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RuleProperties {
    filter_type: FilterType,
    #[serde(default)]
    correlation_filter: Option<Correlation>,
    #[serde(default)]
    sql_filter: Option<Sql>,
    #[serde(default)]
    action: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize, Clone, Copy)]
enum FilterType {
    Correlation,
    Sql,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Sql {
    sql_expression: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "PascalCase", default)]
struct Correlation {
    content_type: Option<String>,
    correlation_id: Option<String>,
    label: Option<String>,
    message_id: Option<String>,
    reply_to: Option<String>,
    reply_to_session_id: Option<String>,
    session_id: Option<String>,
    to: Option<String>,
    properties: BTreeMap<String, Property>,
}

struct Property(PropertyValue);

impl<'de> Deserialize<'de> for Property {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = Property;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text, a number or a truth")
            }

            fn visit_str<E>(self, text: &str) -> Result<Property, E> {
                Ok(Property(text.into()))
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Property, E> {
                Ok(Property(truth.into()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Property, E> {
                Ok(Property(number.into()))
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Property, E> {
                i64::try_from(number)
                    .map(|number| Property(number.into()))
                    .map_err(|_| E::custom(format!("{number} is larger than a whole number may be")))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Property, E> {
                Ok(Property(number.into()))
            }
        }
        from.deserialize_any(Scalar)
    }
}

/// From 1 to 2000 (Microsoft Learn, "Service Bus quotas").
fn max_delivery_count<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    match u32::deserialize(from)? {
        count @ 1..=2000 => Ok(Some(count)),
        count => Err(D::Error::custom(format!("{count} is not from 1 to 2000"))),
    }
}

impl File {
    pub(super) fn into_configuration(self) -> Result<Configuration, ConfigurationError> {
        let mut namespaces = self.user_config.namespaces.into_iter();
        let (Some(namespace), None) = (namespaces.next(), namespaces.next()) else {
            let path = "UserConfig.Namespaces".to_owned();
            let reason = "exactly one namespace is expected".to_owned();
            return Err(ConfigurationError { path, reason });
        };
        let mut topics = Vec::new();
        for (index, topic) in namespace.topics.into_iter().enumerate() {
            topics.push(topic.into_options(&format!("UserConfig.Namespaces[0].Topics[{index}]"))?);
        }
        let queues = namespace.queues.into_iter().map(Queue::into_options).collect();
        Ok(Configuration { namespace: namespace.name, queues, topics })
    }
}

impl Queue {
    fn into_options(self) -> QueueOptions {
        let (usual, said) = (QueueOptions::new(self.name), self.properties);
        QueueOptions {
            lock_duration: said.lock_duration.unwrap_or(usual.lock_duration),
            max_delivery_count: said.max_delivery_count.unwrap_or(usual.max_delivery_count),
            requires_duplicate_detection: said.requires_duplicate_detection,
            duplicate_detection_history: said
                .duplicate_detection_history_time_window
                .unwrap_or(usual.duplicate_detection_history),
            default_time_to_live: said.default_message_time_to_live,
            dead_lettering_on_message_expiration: said.dead_lettering_on_message_expiration,
            requires_session: said.requires_session,
            forward_to: target(said.forward_to),
            forward_dead_lettered_messages_to: target(said.forward_dead_lettered_messages_to),
            name: usual.name,
        }
    }
}

impl Topic {
    fn into_options(self, path: &str) -> Result<TopicOptions, ConfigurationError> {
        let (usual, said) = (TopicOptions::new(self.name), self.properties);
        let mut subscriptions = Vec::new();
        for (index, subscription) in self.subscriptions.into_iter().enumerate() {
            subscriptions.push(subscription.into_options(&format!("{path}.Subscriptions[{index}]"))?);
        }
        Ok(TopicOptions {
            requires_duplicate_detection: said.requires_duplicate_detection,
            duplicate_detection_history: said
                .duplicate_detection_history_time_window
                .unwrap_or(usual.duplicate_detection_history),
            default_time_to_live: said.default_message_time_to_live,
            subscriptions,
            name: usual.name,
        })
    }
}

impl Subscription {
    fn into_options(self, path: &str) -> Result<SubscriptionOptions, ConfigurationError> {
        let (usual, said) = (SubscriptionOptions::new(self.name), self.properties);
        let mut rules = Vec::new();
        for (index, rule) in self.rules.into_iter().enumerate() {
            rules.push(rule.into_options(&format!("{path}.Rules[{index}].Properties"))?);
        }
        Ok(SubscriptionOptions {
            lock_duration: said.lock_duration.unwrap_or(usual.lock_duration),
            max_delivery_count: said.max_delivery_count.unwrap_or(usual.max_delivery_count),
            default_time_to_live: said.default_message_time_to_live,
            dead_lettering_on_message_expiration: said.dead_lettering_on_message_expiration,
            requires_session: said.requires_session,
            forward_to: target(said.forward_to),
            forward_dead_lettered_messages_to: target(said.forward_dead_lettered_messages_to),
            rules: if rules.is_empty() { usual.rules } else { rules },
            name: usual.name,
        })
    }
}

impl Rule {
    fn into_options(self, path: &str) -> Result<RuleOptions, ConfigurationError> {
        let wrong =
            |field: &str, reason: String| ConfigurationError { path: format!("{path}.{field}"), reason };
        let said = self.properties;
        if said.action.is_some() {
            return Err(wrong("Action", "actions of rules are not supported".to_owned()));
        }
        let filter = match (said.filter_type, said.correlation_filter, said.sql_filter) {
            (FilterType::Correlation, Some(filter), None) => {
                let filter = filter.into_filter();
                if filter == CorrelationFilter::default() {
                    let reason = "a correlation filter needs at least one property";
                    return Err(wrong("CorrelationFilter", reason.to_owned()));
                }
                Filter::Correlation(Box::new(filter))
            }
            (FilterType::Sql, None, Some(sql)) => sql_filter(&sql.sql_expression)
                .map_err(|error| wrong("SqlFilter.SqlExpression", error.to_string()))?,
            (FilterType::Correlation, ..) => {
                return Err(wrong(
                    "FilterType",
                    "CorrelationFilter, and nothing else, goes with it".to_owned(),
                ));
            }
            (FilterType::Sql, ..) => {
                return Err(wrong("FilterType", "SqlFilter, and nothing else, goes with it".to_owned()));
            }
        };
        Ok(RuleOptions { name: self.name, filter })
    }
}

impl Correlation {
    fn into_filter(self) -> CorrelationFilter {
        CorrelationFilter {
            correlation_id: self.correlation_id,
            message_id: self.message_id,
            to: self.to,
            reply_to: self.reply_to,
            label: self.label,
            session_id: self.session_id,
            reply_to_session_id: self.reply_to_session_id,
            content_type: self.content_type,
            properties: self.properties.into_iter().map(|(name, Property(value))| (name, value)).collect(),
        }
    }
}

/// The emulator's sample file has an empty text where nothing is forwarded.
fn target(name: String) -> Option<String> {
    Some(name).filter(|name| !name.is_empty())
}
