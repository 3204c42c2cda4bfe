//! What differs from run to run, taken out of texts before they are compared.

use std::sync::LazyLock;

use regex::{Captures, Regex};

static GUIDS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{32}\b").unwrap()
});
/// Instants of the recordings and of now; the ones that cases are about lie before.
static INSTANTS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"20(2[5-9]|[3-8]\d)-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?").unwrap());
static PORTS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"127\.0\.0\.1:\d{4,5}\b").unwrap());
static SEQUENCE_NUMBERS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"("SequenceNumber(Array)?":")[0-9,\[\]]+""#).unwrap());

pub(crate) fn masked(text: &str) -> String {
    let text = GUIDS.replace_all(text, |found: &Captures<'_>| {
        // Those that cases send on purpose, and the one that stands for none.
        let fixed = found[0].starts_with("00112233-") || found[0].starts_with("00000000-");
        if fixed { found[0].to_owned() } else { "<id>".to_owned() }
    });
    let text = INSTANTS.replace_all(&text, |found: &Captures<'_>| {
        if found.get(2).is_some() { "<instant.f>" } else { "<instant>" }.to_owned()
    });
    let text = PORTS.replace_all(&text, "127.0.0.1:<port>");
    let text = SEQUENCE_NUMBERS.replace_all(&text, "$1<number>\"");
    without_identities(&text)
}

/// Who calls: keys are not asked for here, and so everybody is who Core Tools say.
fn without_identities(text: &str) -> String {
    const NAME: &str = "\"Identities\":[";
    let Some(start) = text.find(NAME).map(|index| index + NAME.len()) else { return text.to_owned() };
    let (mut depth, mut in_string, mut escaped) = (1, false, false);
    for (index, byte) in text.bytes().enumerate().skip(start) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' if !in_string => depth += 1,
            b']' if !in_string => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return format!("{}{}", &text[..start], &text[index..]);
        }
    }
    text.to_owned()
}

/// A head of HTTP: the first line as it is, then the header lines with their names in lower case, in one order.
pub(crate) fn head(text: &str) -> (String, Vec<(String, String)>) {
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default().to_owned();
    let mut headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), masked(value.trim())))
        .collect();
    headers.sort();
    (first, headers)
}
