//! The lines that the app can write to its log, read from its sources.

use std::{collections::BTreeSet, fs, path::Path};

/// A place that writes a line.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) message: String,
    pub(crate) target: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) fields: BTreeSet<String>,
}

impl Line {
    /// Every line of the function app.
    pub(crate) fn all() -> Vec<Self> {
        let sources = sources(&[""]);
        let mut lines = Vec::new();
        for level in ["error", "warn", "info", "debug"] {
            let start = format!("tracing::{level}!(");
            lines.extend(sources.split(&start).skip(1).map(|rest| Self::read(inside(rest))));
        }
        assert!(lines.len() > 20, "{} lines", lines.len());
        lines
    }

    /// From what a macro of `tracing` is given.
    fn read(given: &str) -> Self {
        let mut line = Self::default();
        for part in arguments(given) {
            let text = part.trim();
            let literal = |text: &str| text.trim().trim_matches('"').to_owned();
            if let Some(target) = text.strip_prefix("target:") {
                line.target = Some(literal(target));
            } else if text.starts_with('"') {
                line.message = literal(text);
            } else {
                let (name, value) = text.split_once('=').unwrap_or((text, ""));
                let name = name.trim().trim_start_matches(['%', '?']);
                if name == "event" {
                    line.event = Some(literal(value));
                }
                line.fields.insert(name.to_owned());
            }
        }
        line
    }
}

/// The sources below these folders of `handlers/`, without their tests.
pub(crate) fn sources(folders: &[&str]) -> String {
    let mut text = String::new();
    for folder in folders {
        gather(&Path::new(env!("CARGO_MANIFEST_DIR")).join("handlers").join(folder), &mut text);
    }
    text
}

fn gather(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            gather(&path, text);
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            let source = fs::read_to_string(&path).unwrap();
            text.push_str(source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default());
        }
    }
}

/// What stands before the bracket that ends it.
fn inside(rest: &str) -> &str {
    let mut depth = 0_i32;
    let mut quoted = false;
    for (place, sign) in rest.char_indices() {
        match sign {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted && depth == 0 => return &rest[..place],
            ')' if !quoted => depth -= 1,
            _ => {}
        }
    }
    panic!("a macro has no end: {}", &rest[..rest.len().min(80)]);
}

/// What a macro is given, apart.
fn arguments(given: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut start) = (0_i32, false, 0);
    let mut parts = Vec::new();
    for (place, sign) in given.char_indices() {
        match sign {
            '"' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(&given[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    parts.push(&given[start..]);
    parts.into_iter().filter(|part| !part.trim().is_empty()).collect()
}

#[test]
fn a_line_is_read_with_its_target_its_fields_and_its_message() {
    let line = Line::read("target: \"a::b\", event = \"x\", id = %f(1, 2), ?left, plain, \"what, it says\"");
    assert_eq!(line.message, "what, it says");
    assert_eq!((line.target.as_deref(), line.event.as_deref()), (Some("a::b"), Some("x")));
    assert_eq!(line.fields, ["event", "id", "left", "plain"].map(str::to_owned).into());
    assert_eq!(inside("a(b), \")\") rest"), "a(b), \")\"");
}
