//! Tells "the same fault" by leaving out of a description what differs from message to message.

use sha2::{Digest as _, Sha256};

use crate::digest::hex;

/// Eight hexadecimal digits that are equal for the same fault.
pub(crate) fn fingerprint(reason: &str, kind: Option<&str>, description: &str) -> String {
    let text = format!("{reason}\n{}\n{}", kind.unwrap_or_default(), without_particulars(description));
    hex(&Sha256::digest(text.as_bytes())[..4])
}

/// The description with a placeholder in the place of whatever holds a digit, is quoted, or is an address.
pub(crate) fn without_particulars(description: &str) -> String {
    let mut words = Vec::new();
    let mut quote = None;
    for word in description.split_whitespace() {
        if let Some(end) = quote {
            if word.trim_end_matches([',', '.', ';', ':', ')']).ends_with(end) {
                quote = None;
            }
            continue;
        }
        let bare = word.trim_start_matches(['(', '[']);
        match bare.chars().next().filter(|first| matches!(first, '\'' | '"' | '`')) {
            Some(first) => {
                let rest = bare[1..].trim_end_matches([',', '.', ';', ':', ')']);
                if !rest.ends_with(first) {
                    quote = Some(first);
                }
                words.push("*".to_owned());
            }
            None if is_particular(bare) => words.push("*".to_owned()),
            None => words.push(word.to_ascii_lowercase()),
        }
    }
    words.join(" ")
}

fn is_particular(word: &str) -> bool {
    // AADSTS codes and HTTP-like error codes of letters and digits tell faults apart; plain numbers and ids do not.
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    if word.to_ascii_uppercase().starts_with("AADSTS") {
        return false;
    }
    word.contains("://")
        || word.contains('@')
        || word.contains('/')
        || word.bytes().any(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_numbers_names_and_addresses_do_not_tell_faults_apart() {
        let check = |a: &str, b: &str| {
            assert_eq!(fingerprint("R", None, a), fingerprint("R", None, b), "{a} / {b}");
        };
        check("nobody opened onboarding 6f0a-11", "nobody opened onboarding 7d1b-99");
        check("The messaging entity 'x' is gone", "The messaging entity 'another one' is gone");
        check("GET https://a.example/x failed after 3 s", "GET https://b.example/y failed after 40 s");
        check("the vault (\"contoso keys\") refuses", "the vault (\"fabrikam\") refuses");
    }

    #[test]
    fn reasons_kinds_words_and_entra_codes_do() {
        let base = fingerprint("R", Some("k"), "it fails (AADSTS7000229)");
        for other in [
            fingerprint("S", Some("k"), "it fails (AADSTS7000229)"),
            fingerprint("R", Some("l"), "it fails (AADSTS7000229)"),
            fingerprint("R", Some("k"), "it failed (AADSTS7000229)"),
            fingerprint("R", Some("k"), "it fails (AADSTS53003)"),
        ] {
            assert_ne!(base, other);
        }
        assert_eq!(base.len(), 8);
    }
}
