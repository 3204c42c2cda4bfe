//! The token of a landing page as anybody may write it: what is taken fits into a header, and is never printed.

#![no_main]

use azure_clients::marketplace::LandingToken;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let told = match LandingToken::from_decoded_parameter(text) {
        Ok(token) => {
            assert!(text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{text:?}");
            assert!(!text.is_empty());
            format!("{token:?}")
        }
        Err(error) => format!("{error} {error:?}"),
    };
    // Shorter ones are words of any message.
    assert!(text.len() < 24 || !told.contains(text), "{told}");
});
