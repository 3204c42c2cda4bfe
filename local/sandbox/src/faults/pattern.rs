//! What a call is compared with: text in which `*` stands for anything, also for nothing and for slashes.
//!
//! Compared without case: host names and Azure's resource ids are.

/// A pattern, kept as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(String);

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Whether the whole text fits.
    pub(super) fn fits(&self, text: &str) -> bool {
        let (pattern, text) = (self.0.to_ascii_lowercase(), text.to_ascii_lowercase());
        let Some((start, rest)) = pattern.split_once('*') else {
            return pattern == text;
        };
        let Some(mut left) = text.strip_prefix(start) else {
            return false;
        };
        let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
        for part in middle.split('*').filter(|part| !part.is_empty()) {
            // The earliest place leaves the most room for what follows.
            match left.split_once(part) {
                Some((_, after)) => left = after,
                None => return false,
            }
        }
        left.ends_with(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("*", "/a/b", true),
            ("/a", "/A", true),
            ("/a", "/a/b", false),
            ("/a*", "/a/b", true),
            ("*/b", "/a/b", true),
            ("*/b", "/a/b/c", false),
            ("*/disks/*", "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/Disks/d", true),
            ("*/disks/*", "/disks", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "abbc", true),
            ("a*b*c", "acb", false),
            ("a*b*b", "ab", false),
            ("*.vault.azure.net", "kv.vault.azure.net", true),
            ("**", "x", true),
        ] {
            assert_eq!(Pattern::new(pattern).fits(text), fits, "{pattern} {text}");
        }
    }
}
