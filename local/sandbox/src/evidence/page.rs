//! The table as people read it: in a terminal, and as the page `docs/sandbox-evidence.md`.

use super::table::{Behaviour, Evidence, behaviours};

/// The table for a terminal.
pub fn text() -> String {
    let mut text = String::new();
    for (area, rows) in by_area() {
        text.push_str(&format!("{area}\n"));
        for row in rows {
            let test = row.test.as_deref().unwrap_or("-");
            text.push_str(&format!(
                "  {:<10}  {}\n              {}; {}; test: {test}\n",
                row.evidence.name(),
                row.behaviour,
                row.source,
                row.place
            ));
        }
        text.push('\n');
    }
    text.push_str(&counts());
    text
}

/// The table as the page `docs/sandbox-evidence.md`.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Where the sandbox's behaviours come from\n\n\
         Generated from `local/sandbox/data/evidence.json` by `cargo latchkey sandbox evidence --markdown`; a test \
         compares the two.\n\n\
         | mark | meaning |\n|---|---|\n\
         | recorded | seen in traffic of the real Azure that Microsoft has published with its own tests |\n\
         | specified | in Microsoft's API descriptions or a standard |\n\
         | documented | in Microsoft's documentation |\n\
         | reported | reported by users, or by Microsoft's staff in public threads |\n\
         | our guess | none of these: what seems likely, or is harmless if wrong |\n\n",
    );
    text.push_str(&counts());
    for (area, rows) in by_area() {
        text.push_str(&format!(
            "\n## {area}\n\n| behaviour | evidence | source | code | test |\n|---|---|---|---|---|\n"
        ));
        for row in rows {
            let test = row.test.as_deref().map_or_else(|| "—".to_owned(), |test| format!("`{test}`"));
            let cell = |text: &str| text.replace('|', "\\|");
            text.push_str(&format!(
                "| {} | {} | {} | `{}` | {test} |\n",
                cell(&row.behaviour),
                row.evidence.name(),
                cell(&row.source),
                row.place
            ));
        }
    }
    text
}

fn by_area() -> impl Iterator<Item = (&'static str, &'static [Behaviour])> {
    let areas = behaviours().chunk_by(|one, next| one.area == next.area);
    areas.map(|rows| (rows[0].area.as_str(), rows))
}

fn counts() -> String {
    let all = behaviours();
    let count = |evidence: Evidence| {
        let number = all.iter().filter(|row| row.evidence == evidence).count();
        format!("{number} {}", evidence.name())
    };
    let each = [
        Evidence::Recorded,
        Evidence::Specified,
        Evidence::Documented,
        Evidence::Reported,
        Evidence::OurGuess,
    ];
    format!("{} behaviours: {}.\n", all.len(), each.map(count).join(", "))
}
