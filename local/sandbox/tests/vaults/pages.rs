//! Lists come in pages, and their next address names the port.

use reqwest::Method;
use serde_json::Value;

use crate::cloud::{Cloud, KEYS};

#[tokio::test]
async fn lists_come_in_pages_that_name_the_port_and_lose_nothing() {
    let cloud = Cloud::start().await;
    let customer = &cloud.seed.customer;
    let group = cloud.group(customer).await;
    cloud.make_vault(customer, &group, "kv-pages").await;
    for name in ["a", "B", "c"] {
        cloud.make_key(customer, "kv-pages", name).await;
    }
    for _ in 0..2 {
        cloud.make_key(customer, "kv-pages", "c").await;
    }
    let base = "https://kv-pages.vault.azure.net";
    let get = async |url: &str| cloud.vault(customer, Method::GET, url, None).await;
    let walk = async |path: &str, size: usize| {
        let mut next = Some(format!("{base}{path}?{KEYS}&maxresults={size}"));
        let (mut pages, mut seen) = (0, Vec::new());
        while let Some(url) = next {
            let page = get(&url).await.expect(200).body;
            let items = page["value"].as_array().unwrap();
            assert!(items.len() <= size);
            seen.extend(items.iter().map(|item| item["kid"].as_str().unwrap().to_owned()));
            next = page["nextLink"].as_str().map(str::to_owned);
            assert!(next.iter().all(|url| url.starts_with(&format!("{base}:443{path}?"))), "{next:?}");
            pages += 1;
        }
        (pages, seen)
    };
    let keys = ["a", "B", "c"].map(|name| format!("{base}/keys/{name}"));
    for (size, pages) in [(1, 3), (2, 2), (3, 1), (25, 1)] {
        assert_eq!(walk("/keys", size).await, (pages, keys.to_vec()), "{size} a page");
        let (_, versions) = walk("/keys/c/versions", size).await;
        let mut sorted = versions.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!((versions.len(), versions), (3, sorted), "{size} a page");
    }
    for name in ["a", "B"] {
        cloud.vault(customer, Method::DELETE, format!("{base}/keys/{name}?{KEYS}"), None).await.expect(200);
    }
    assert_eq!(walk("/deletedkeys", 1).await, (2, keys[..2].to_vec()));
    let deleted = get(&format!("{base}/deletedkeys?{KEYS}")).await.expect(200).body["value"][1].clone();
    assert_eq!(deleted["recoveryId"], format!("{base}/deletedkeys/B"));
    assert_eq!(deleted.get("key"), None, "a line of a list is not the whole key");
    let days =
        (deleted["scheduledPurgeDate"].as_i64().unwrap() - deleted["deletedDate"].as_i64().unwrap()) / 86_400;
    assert_eq!(days, 90);
    assert_eq!(get(&format!("{base}/keys?{KEYS}")).await.body["nextLink"], Value::Null);
    for wrong in ["maxresults=0", "maxresults=26", "maxresults=x", "$skiptoken=!"] {
        get(&format!("{base}/keys?{KEYS}&{wrong}")).await.expect_error(400, "BadParameter");
    }
    cloud.save_har("key_vault_pages");
}
