//! The table itself, as `data/evidence.json` holds it: service by service, one row for each behaviour.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// What a behaviour rests on, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Evidence {
    /// Seen in traffic of the real Azure that Microsoft has published with its own tests.
    Recorded,
    /// In Microsoft's API descriptions or a standard.
    Specified,
    /// In Microsoft's documentation.
    Documented,
    /// Reported by users, or by Microsoft's staff in public threads.
    Reported,
    /// None of these: what seems likely, or is harmless if wrong.
    OurGuess,
}

/// One behaviour.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// The service it belongs to: in the file, the heading above the row.
    #[serde(default)]
    pub area: String,
    /// What the simulation does.
    pub behaviour: String,
    /// What that rests on.
    pub evidence: Evidence,
    /// Where it can be read.
    pub source: String,
    /// The file that does it, below `local/sandbox/src`.
    pub place: String,
    /// The test that shows it; none where a test could only repeat the text.
    #[serde(default)]
    pub test: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Area {
    area: String,
    behaviours: Vec<Behaviour>,
}

static BEHAVIOURS: LazyLock<Vec<Behaviour>> = LazyLock::new(|| {
    let areas: Vec<Area> =
        serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/evidence.json")))
            .expect("the table is compiled in, and the tests of this module read it");
    areas
        .into_iter()
        .flat_map(|Area { area, behaviours }| {
            behaviours.into_iter().map(move |row| Behaviour { area: area.clone(), ..row })
        })
        .collect()
});

/// Every behaviour, service by service.
pub fn behaviours() -> &'static [Behaviour] {
    &BEHAVIOURS
}

impl Evidence {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Specified => "specified",
            Self::Documented => "documented",
            Self::Reported => "reported",
            Self::OurGuess => "our guess",
        }
    }
}
