//! Which cases agree, and whether the ones that differ are those that are known to.

use serde_json::Value;

use crate::differences::DIFFERENCES;
use crate::exchange::Response;
use crate::mask;
use crate::recorder::Request;

/// What became of the cases of one recorded file.
pub(crate) struct Judge {
    file: &'static str,
    agreed: Vec<String>,
    differed: Vec<(String, String)>,
}

impl Judge {
    pub(crate) fn of(file: &'static str) -> Self {
        Self { file, agreed: Vec::new(), differed: Vec::new() }
    }

    /// A case is known by its file and name.
    pub(crate) fn case(&mut self, name: &str, problems: &[String]) {
        let name = format!("{}/{name}", self.file);
        if problems.is_empty() {
            self.agreed.push(name);
        } else {
            self.differed.push((name, problems.join("\n      ")));
        }
    }

    /// Prints how many agree, and fails on a difference that nobody has written down, and on one that is gone.
    pub(crate) fn ends(self) {
        let (agreed, all) = (self.agreed.len(), self.agreed.len() + self.differed.len());
        println!("{}: {agreed} of {all} recorded cases agree", self.file);
        let mut unknown = Vec::new();
        for (name, problem) in &self.differed {
            match DIFFERENCES.iter().find(|difference| difference.covers(name)) {
                Some(difference) => println!("  {name} differs: {}", difference.reason),
                None => unknown.push(format!("{name}\n      {problem}")),
            }
        }
        let gone: Vec<_> = self
            .agreed
            .iter()
            .filter(|name| DIFFERENCES.iter().any(|difference| difference.covers(name)))
            .collect();
        assert!(
            unknown.is_empty(),
            "{} differences that are not in the list:\n{}",
            unknown.len(),
            unknown.join("\n")
        );
        assert!(gone.is_empty(), "these are in the list and agree: {gone:#?}");
    }
}

/// A text that is not what was recorded, with the place where it begins to differ.
pub(crate) fn compare(what: &str, recorded: &str, seen: &str) -> Option<String> {
    if recorded == seen {
        return None;
    }
    let same = recorded.chars().zip(seen.chars()).take_while(|(left, right)| left == right).count();
    let shown = |text: &str| text.chars().skip(same.saturating_sub(60)).take(240).collect::<String>();
    Some(format!("{what}: recorded …{:?}\n             seen …{:?}", shown(recorded), shown(seen)))
}

pub(crate) fn compare_responses(recorded: &Response, seen: &Response) -> Option<String> {
    compare("response", &format!("{recorded:?}"), &format!("{seen:?}"))
}

/// The requests of a recording, in the handler's order, against those that were noted now.
pub(crate) fn compare_requests(recorded: &[Value], seen: &[Request]) -> Vec<String> {
    let recorded: Vec<&Value> =
        recorded.iter().filter(|event| event["ev"] == "req" && !is_ping(event)).collect();
    if recorded.len() != seen.len() {
        return vec![format!("the handler was asked {} times, recorded are {}", seen.len(), recorded.len())];
    }
    recorded.iter().zip(seen).flat_map(|(recorded, seen)| compare_request(recorded, seen)).collect()
}

pub(crate) fn is_ping(event: &Value) -> bool {
    event["head"].as_str().is_some_and(|head| head.starts_with("GET / HTTP/1.1"))
}

fn compare_request(recorded: &Value, seen: &Request) -> Vec<String> {
    let head = compare(
        "request",
        &format!("{:?}", sized(recorded["head"].as_str().unwrap())),
        &format!("{:?}", sized(&seen.head)),
    );
    let framing = compare("framing", recorded["framing"].as_str().unwrap(), seen.framing);
    head.into_iter().chain(framing).chain(compare_body(recorded, seen)).collect()
}

/// Lengths depend on the identities that are masked; the bodies themselves are compared.
fn sized(head: &str) -> (String, Vec<(String, String)>) {
    let (first, mut headers) = mask::head(head);
    for (name, value) in &mut headers {
        if name == "content-length" {
            "<length>".clone_into(value);
        }
    }
    (first, headers)
}

/// But for the identities, which are masked elsewhere.
fn is_about(recorded: Option<u64>, seen: usize) -> bool {
    recorded.is_some_and(|recorded| recorded.abs_diff(seen as u64) < 1_000)
}

fn compare_body(recorded: &Value, seen: &Request) -> Option<String> {
    use base64::Engine as _;
    let encoded = || base64::engine::general_purpose::STANDARD.encode(&seen.body);
    match (recorded["text"].as_str(), recorded["b64"].as_str(), recorded["start"].as_str()) {
        (Some(text), _, _) => {
            compare("body", &mask::masked(text), &mask::masked(&String::from_utf8_lossy(&seen.body)))
        }
        (None, Some(bytes), _) => compare("body", bytes, &encoded()),
        (None, None, Some(start)) if is_about(recorded["len"].as_u64(), seen.body.len()) => {
            // The identities begin behind this.
            let length = start.find("\"Identities\"").unwrap_or(start.len()).min(seen.body.len());
            compare("body", &start[..length], &String::from_utf8_lossy(&seen.body[..length]))
        }
        _ => Some(format!("a body of {} bytes, recorded are {}", seen.body.len(), recorded["len"])),
    }
}
