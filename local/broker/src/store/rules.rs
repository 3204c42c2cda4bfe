//! What a subscription wants of its topic's messages (Microsoft Learn, "Topic filters and actions").

use std::collections::BTreeMap;

use serde_amqp::Value;

use crate::codec::{as_integer, as_text, lookup};
use crate::message::Message;
use crate::options::{CorrelationFilter, Filter, PropertyValue, RuleOptions};

use super::settings::Kind;
use super::{EntityName, Store, StoreError};

/// Positions in the properties section (AMQP 1.0, part 3 section 3.2.4).
const TO: usize = 2;
const SUBJECT: usize = 3;
const REPLY_TO: usize = 4;
const CORRELATION_ID: usize = 5;
const CONTENT_TYPE: usize = 6;
const REPLY_TO_GROUP_ID: usize = 12;

/// The rules of one subscription: those that were declared, and what has been changed since.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    by_name: BTreeMap<String, Filter>,
    /// What requests added (Some) or took away (None), by the rule's name.
    changed: BTreeMap<String, Option<Filter>>,
}

impl Rules {
    pub(crate) fn declared(rules: &[RuleOptions]) -> Self {
        let by_name = rules.iter().map(|rule| (rule.name.clone(), rule.filter.clone())).collect();
        Self { by_name, changed: BTreeMap::new() }
    }

    /// Whether one rule at least matches.
    pub(crate) fn want(&self, message: &Message) -> bool {
        self.by_name.values().any(|filter| matches(filter, message))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Filter)> {
        self.by_name.iter().map(|(name, filter)| (name.as_str(), filter))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Adds a rule, or takes it away, beyond what was declared.
    pub(crate) fn change(&mut self, name: &str, filter: Option<Filter>) {
        match &filter {
            Some(filter) => self.by_name.insert(name.to_owned(), filter.clone()),
            None => self.by_name.remove(name),
        };
        self.changed.insert(name.to_owned(), filter);
    }

    pub(crate) fn changes(&self) -> impl Iterator<Item = (&str, Option<&Filter>)> {
        self.changed.iter().map(|(name, filter)| (name.as_str(), filter.as_ref()))
    }
}

fn matches(filter: &Filter, message: &Message) -> bool {
    match filter {
        Filter::True => true,
        Filter::False => false,
        Filter::Correlation(filter) => correlates(filter, message),
    }
}

/// All that the filter names must be equal; case counts.
fn correlates(filter: &CorrelationFilter, message: &Message) -> bool {
    let fields = message.properties().unwrap_or_default();
    let field = |position: usize| fields.get(position).and_then(as_text);
    let equal = |wanted: &Option<String>, actual: Option<&str>| {
        wanted.as_deref().is_none_or(|wanted| actual == Some(wanted))
    };
    equal(&filter.correlation_id, field(CORRELATION_ID))
        && equal(&filter.message_id, Some(message.id()))
        && equal(&filter.to, field(TO))
        && equal(&filter.reply_to, field(REPLY_TO))
        && equal(&filter.label, field(SUBJECT))
        && equal(&filter.session_id, message.session_id())
        && equal(&filter.reply_to_session_id, field(REPLY_TO_GROUP_ID))
        && equal(&filter.content_type, field(CONTENT_TYPE))
        && has_all(&filter.properties, message)
}

fn has_all(wanted: &BTreeMap<String, PropertyValue>, message: &Message) -> bool {
    if wanted.is_empty() {
        return true;
    }
    let actual = message.application_properties();
    wanted.iter().all(|(name, wanted)| lookup(&actual, name).is_some_and(|actual| equals(&wanted.0, actual)))
}

/// Our guess: that whole numbers are compared whatever their width, and a whole number never equals a fraction.
fn equals(wanted: &Value, actual: &Value) -> bool {
    let whole = |value: &Value| match value {
        Value::Timestamp(_) => None,
        other => as_integer(other),
    };
    let real = |value: &Value| match value {
        Value::Double(real) => Some(f64::from(*real)),
        Value::Float(real) => Some(f64::from(f32::from(*real))),
        _ => None,
    };
    if let (Some(wanted), Some(actual)) = (whole(wanted), whole(actual)) {
        return wanted == actual;
    }
    if let (Some(wanted), Some(actual)) = (real(wanted), real(actual)) {
        return wanted == actual;
    }
    match (as_text(wanted), as_text(actual)) {
        (Some(wanted), Some(actual)) => wanted == actual,
        _ => wanted == actual,
    }
}

impl Store {
    /// The rules of a subscription, by name.
    pub(crate) fn rules(&mut self, name: &EntityName) -> Result<&Rules, StoreError> {
        self.rules_to_change(name).map(|rules| &*rules)
    }

    pub(crate) fn add_rule(
        &mut self,
        name: &EntityName,
        rule: &str,
        filter: Filter,
    ) -> Result<(), StoreError> {
        let rules = self.rules_to_change(name)?;
        if rules.has(rule) {
            return Err(StoreError::RuleExists(rule.to_owned()));
        }
        rules.change(rule, Some(filter.clone()));
        self.changes.rule(name, rule, Some(&filter));
        Ok(())
    }

    pub(crate) fn remove_rule(&mut self, name: &EntityName, rule: &str) -> Result<(), StoreError> {
        let rules = self.rules_to_change(name)?;
        if !rules.has(rule) {
            return Err(StoreError::NoSuchRule(rule.to_owned()));
        }
        rules.change(rule, None);
        self.changes.rule(name, rule, None);
        Ok(())
    }

    fn rules_to_change(&mut self, name: &EntityName) -> Result<&mut Rules, StoreError> {
        let entity = self.entity(name)?;
        match entity.settings.kind {
            Kind::Subscription => Ok(&mut entity.rules),
            _ => Err(StoreError::NoRulesHere(name.clone())),
        }
    }
}
