//! `latchkey sandbox evidence`: where each behaviour of the simulation comes from.

use std::io::Write;

use anyhow::Context;
use latchkey_cli::End;
use sandbox::evidence;

use crate::args::EvidenceArgs;

pub(super) fn run(args: &EvidenceArgs) -> anyhow::Result<End> {
    let text = match (args.json, args.markdown) {
        (true, _) => {
            let document = serde_json::json!({ "behaviours": evidence::behaviours() });
            serde_json::to_string_pretty(&document).context("could not write the table as JSON")? + "\n"
        }
        (_, true) => evidence::markdown(),
        _ => evidence::text(),
    };
    // Whoever reads may stop reading, as `head` does: that is no failure.
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("could not print the table")
        }
        _ => Ok(End::Well),
    }
}
