//! The URL of a key as a stranger submits it: what is taken leads to a vault of Azure's and to nowhere else.

#![no_main]

use azure_ids::KeyUrl;
use libfuzzer_sys::fuzz_target;

const HOSTS: [&str; 2] = [".vault.azure.net", ".managedhsm.azure.net"];

fuzz_target!(|text: &str| {
    let Ok(key) = text.parse::<KeyUrl>() else { return };
    let written = key.to_string();
    assert_eq!(written.parse::<KeyUrl>().as_ref(), Ok(&key), "what was written is another key");
    let url = url::Url::parse(&written).expect("a key's URL is a URL");
    let host = url.host_str().unwrap_or_default();
    assert!(HOSTS.iter().any(|of_azure| host.ends_with(of_azure)), "{host} is no vault's");
    assert_eq!((url.scheme(), url.port(), url.username(), url.password()), ("https", None, "", None));
    assert_eq!((url.query(), url.fragment()), (None, None));
    assert!(url.as_str().eq_ignore_ascii_case(&written), "{url} is read where {written} is written");
    assert!(key.is_same_key(&key.without_version()));
});
