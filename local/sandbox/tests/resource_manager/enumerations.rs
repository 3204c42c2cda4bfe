//! Enumerations are read without regard to case.

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::bodies::{address, body, group, set, table};
use crate::cloud::Cloud;

#[derive(Deserialize)]
struct Enumeration {
    #[serde(rename = "type")]
    resource_type: String,
    field: String,
    values: Vec<String>,
}

fn with_case_turned_round(text: &str) -> String {
    let turned = |letter: char| match letter.is_ascii_lowercase() {
        true => letter.to_ascii_uppercase(),
        false => letter.to_ascii_lowercase(),
    };
    text.chars().map(turned).collect()
}

#[tokio::test]
async fn every_enumeration_is_read_in_any_case_and_shown_in_azures_spelling() {
    let cloud = Cloud::start().await;
    let customer = &cloud.seed.customer;
    let group = group(&cloud, customer).await;
    let mut shown_as_it_should = 0;
    for (row, Enumeration { resource_type, field, values }) in
        table::<Enumeration>("enumerations.json").into_iter().enumerate()
    {
        for (number, value) in values.iter().enumerate() {
            let spellings = [value.clone(), with_case_turned_round(value)];
            assert_ne!(spellings[0], spellings[1]);
            let mut seen = Vec::new();
            for (spelling, given) in spellings.iter().enumerate() {
                let mut body = body(customer, &resource_type);
                set(&mut body, &field, given);
                let path = address(&group, &resource_type, &format!("enum-{row}-{number}-{spelling}"));
                let answer = cloud.arm(customer, Method::PUT, &path, Some(body)).await;
                let accepted = answer.status < 300;
                seen.push((answer.status, if accepted { String::new() } else { answer.code().to_owned() }));
                if !answer.header("azure-asyncoperation").is_empty() {
                    cloud.follow(customer, &answer).await;
                }
                if accepted {
                    let shown = cloud.arm(customer, Method::GET, path, None).await.expect(200).body;
                    let shown = shown.pointer(&format!("/{}", field.replace('.', "/")));
                    if let Some(Value::String(shown)) = shown {
                        assert_eq!(shown, value, "{resource_type} {field} written as {given}");
                        shown_as_it_should += 1;
                    }
                }
            }
            assert_eq!(seen[0], seen[1], "{resource_type} {field}: {value} in two spellings");
        }
    }
    assert!(shown_as_it_should > 60, "only {shown_as_it_should} values were shown again");
}
