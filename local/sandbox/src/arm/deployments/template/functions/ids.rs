//! Functions that see where a deployment happens, look at what it is given, and make names and ids.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::arm::deployments::template::scope::Evaluate;
use crate::arm::deployments::template::{invalid, out_of_place};
use crate::arm::error::ArmError;

use super::arguments::{integer, text, texts_of, unfit};

/// The namespace of the names that `guid()` makes: its ids are those of version 5 of the values, joined by hyphens.
const GUID_NAMESPACE: Uuid = Uuid::from_u128(0x11fb_06fb_712d_4ddd_98c7_e71b_bd58_8830);

pub(super) fn parameter(evaluator: &dyn Evaluate, values: &[Value]) -> Result<Value, ArmError> {
    evaluator.parameter(text("parameters", &values[0])?)
}

pub(super) fn variable(evaluator: &dyn Evaluate, values: &[Value]) -> Result<Value, ArmError> {
    evaluator.variable(text("variables", &values[0])?)
}

pub(super) fn reference(evaluator: &dyn Evaluate, values: &[Value]) -> Result<Value, ArmError> {
    let whole = values.get(2).map(|full| text("reference", full)).transpose()?;
    let whole = whole.is_some_and(|full| full.eq_ignore_ascii_case("Full"));
    evaluator.reference(text("reference", &values[0])?, whole)
}

pub(super) fn guid(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    Ok(json!(Uuid::new_v5(&GUID_NAMESPACE, texts_of(function, values)?.join("-").as_bytes())))
}

/// Thirteen letters that stand for the 64 bits of a hash.
pub(super) fn unique_string(function: &str, values: &[Value]) -> Result<Value, ArmError> {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let hash = murmur(texts_of(function, values)?.join("-").as_bytes());
    let letters =
        (0..13_u32).map(|place| char::from(LETTERS[(hash.rotate_left(5 * place + 5) & 31) as usize]));
    // The last letter has only four bits of the hash left; what comes after them is nothing.
    let last = char::from(LETTERS[((hash << 60) >> 59) as usize]);
    Ok(json!(letters.take(12).chain([last]).collect::<String>()))
}

/// MurmurHash3 with two lanes of 32 bits and no seed, which is what the values that Microsoft's engine gives come from.
fn murmur(data: &[u8]) -> u64 {
    const FIRST: u32 = 0x239b_961b;
    const SECOND: u32 = 0xab0e_9789;
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte));
    let one = |bytes: &[u8]| word(bytes).wrapping_mul(FIRST).rotate_left(15).wrapping_mul(SECOND);
    let two = |bytes: &[u8]| word(bytes).wrapping_mul(SECOND).rotate_left(17).wrapping_mul(FIRST);
    let (mut left, mut right) = (0_u32, 0_u32);
    let blocks = data.chunks_exact(8);
    let tail = blocks.remainder();
    for block in blocks {
        left = (left ^ one(&block[..4])).rotate_left(19).wrapping_add(right);
        left = left.wrapping_mul(5).wrapping_add(0x561c_cd1b);
        right = (right ^ two(&block[4..])).rotate_left(13).wrapping_add(left);
        right = right.wrapping_mul(5).wrapping_add(0x0bca_a747);
    }
    let (head, rest) = tail.split_at(tail.len().min(4));
    left ^= one(head);
    right ^= two(rest);
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mix = |word: u32| {
        let word = (word ^ (word >> 16)).wrapping_mul(0x85eb_ca6b);
        let word = (word ^ (word >> 13)).wrapping_mul(0xc2b2_ae35);
        word ^ (word >> 16)
    };
    left ^= length;
    right ^= length;
    left = left.wrapping_add(right);
    right = mix(right.wrapping_add(left));
    left = mix(left).wrapping_add(right);
    right = right.wrapping_add(left);
    (u64::from(right) << 32) | u64::from(left)
}

pub(super) fn resource_group(evaluator: &dyn Evaluate, _: &[Value]) -> Result<Value, ArmError> {
    evaluator.surroundings().resource_group.clone().ok_or_else(|| out_of_place("resourceGroup"))
}

/// `copyIndex()`, with the name of the loop, with what is added, or with both.
pub(super) fn copy_index(evaluator: &dyn Evaluate, values: &[Value]) -> Result<Value, ArmError> {
    let (of, added) = match values {
        [] => (None, 0),
        [Value::String(of)] => (Some(of.as_str()), 0),
        [added] => (None, integer("copyIndex", added)?),
        [of, added, ..] => (Some(text("copyIndex", of)?), integer("copyIndex", added)?),
    };
    let turn = evaluator.turn(of).and_then(|turn| i64::try_from(turn).ok()).ok_or_else(|| {
        invalid(
            "The template function 'copyIndex' is not expected at this location. The function can only be used in a resource \
             with copy specified. Please see https://aka.ms/arm-copy for usage details.",
        )
    })?;
    turn.checked_add(added).map(|index| json!(index)).ok_or_else(|| unfit("copyIndex", &json!(added)))
}

/// Azure's public cloud, as far as names are made of it.
pub(super) fn environment() -> Value {
    json!({
        "name": "AzureCloud",
        "authentication": { "loginEndpoint": "https://login.microsoftonline.com/", "tenant": "common" },
        "resourceManager": "https://management.azure.com/",
        "suffixes": { "keyvaultDns": ".vault.azure.net", "storage": "core.windows.net" },
    })
}

/// `[[subscription,] group,] type, name, ...`
pub(super) fn resource_id(evaluator: &dyn Evaluate, values: &[Value]) -> Result<Value, ArmError> {
    let around = evaluator.surroundings();
    let names_a_type = |value: &Value| value.as_str().is_some_and(|value| value.contains('/'));
    let Some(group) = around.resource_group.as_ref().map(|group| &group["name"]) else {
        // Into a subscription: no group unless one is named.
        return match values.iter().position(names_a_type) {
            Some(2) => id("resourceId", values, [&Value::Null; 2], |[subscription, group]| {
                format!("/subscriptions/{subscription}/resourceGroups/{group}")
            }),
            _ => subscription_resource_id(evaluator, values),
        };
    };
    let own = [&around.subscription["subscriptionId"], group];
    id("resourceId", values, own, |[subscription, group]| {
        format!("/subscriptions/{subscription}/resourceGroups/{group}")
    })
}

/// `[subscription,] type, name, ...`
pub(super) fn subscription_resource_id(
    evaluator: &dyn Evaluate,
    values: &[Value],
) -> Result<Value, ArmError> {
    let own = [&evaluator.surroundings().subscription["subscriptionId"]];
    id("subscriptionResourceId", values, own, |[subscription]| format!("/subscriptions/{subscription}"))
}

/// `type, name, ...`
pub(super) fn tenant_resource_id(_: &dyn Evaluate, values: &[Value]) -> Result<Value, ArmError> {
    id("tenantResourceId", values, [], |[]| String::new())
}

/// `group, type, name, ...`
pub(super) fn management_group_resource_id(_: &dyn Evaluate, values: &[Value]) -> Result<Value, ArmError> {
    let group = text("managementGroupResourceId", &values[0])?;
    id("managementGroupResourceId", &values[1..], [], |[]| {
        format!("/providers/Microsoft.Management/managementGroups/{group}")
    })
}

/// `scope, type, name, ...`
pub(super) fn extension_resource_id(_: &dyn Evaluate, values: &[Value]) -> Result<Value, ArmError> {
    let scope = text("extensionResourceId", &values[0])?.trim_end_matches('/');
    id("extensionResourceId", &values[1..], [], |[]| scope.to_owned())
}

/// `[where, ...] type, name, ...`: as many names as the type has kinds.
fn id<const N: usize>(
    function: &str,
    values: &[Value],
    own: [&Value; N],
    scope: impl Fn([&str; N]) -> String,
) -> Result<Value, ArmError> {
    let given = texts_of(function, values)?;
    let refused = || {
        invalid(&format!("The template function '{function}' needs a type and a name for each of its parts"))
    };
    let at = given.iter().position(|value| value.contains('/')).filter(|at| *at <= N).ok_or_else(refused)?;
    let mut place = [""; N];
    for (number, own) in own.into_iter().enumerate().take(N - at) {
        place[number] = own.as_str().ok_or_else(|| unfit(function, own))?;
    }
    for (number, given) in given[..at].iter().enumerate() {
        place[N - at + number] = given;
    }
    let names = &given[at + 1..];
    let mut parts = given[at].split('/');
    let mut id = format!("{}/providers/{}", scope(place), parts.next().unwrap_or_default());
    let kinds: Vec<&str> = parts.collect();
    if kinds.len() != names.len() {
        return Err(refused());
    }
    for (kind, name) in kinds.iter().zip(names) {
        id.push_str(&format!("/{kind}/{name}"));
    }
    Ok(json!(id))
}
