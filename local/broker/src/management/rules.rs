//! Requests about the rules of a subscription.

use serde_amqp::Value;
use serde_amqp::primitives::OrderedMap;

use crate::amqp_error::AmqpError;
use crate::codec::described;
use crate::context::Context;
use crate::filters::{encode_filter, read_description};
use crate::message::Properties;
use crate::store::EntityName;

use super::arguments::Arguments;
use super::{argument, one};

const RULE_DESCRIPTION: u64 = 0x0000_0137_0000_0004;
const EMPTY_ACTION: u64 = 0x0000_0137_0000_0005;

pub(super) fn add(
    arguments: &Arguments,
    entity: &EntityName,
    context: &mut Context<'_>,
) -> Result<Properties, AmqpError> {
    let name = arguments.mandatory_text("rule-name")?;
    let filter = read_description(&arguments.map("rule-description")?)
        .map_err(|error| argument(&error.to_string()))?;
    context.store.add_rule(entity, name, filter)?;
    Ok(OrderedMap::new())
}

pub(super) fn remove(
    arguments: &Arguments,
    entity: &EntityName,
    context: &mut Context<'_>,
) -> Result<Properties, AmqpError> {
    context.store.remove_rule(entity, arguments.mandatory_text("rule-name")?)?;
    Ok(OrderedMap::new())
}

pub(super) fn list(
    arguments: &Arguments,
    entity: &EntityName,
    context: &mut Context<'_>,
) -> Result<Option<Properties>, AmqpError> {
    let (skip, top) = (arguments.count("skip")?, arguments.count("top")?);
    let rules = context.store.rules(entity)?;
    let describe = |(name, filter)| {
        let action = described(EMPTY_ACTION, Value::List(Vec::new()));
        let fields = vec![encode_filter(filter), action, Value::from(name)];
        Value::Map(one("rule-description", described(RULE_DESCRIPTION, Value::List(fields))))
    };
    let page: Vec<Value> = rules.iter().skip(skip).take(top).map(describe).collect();
    Ok(if page.is_empty() { None } else { Some(one("rules", Value::List(page))) })
}
