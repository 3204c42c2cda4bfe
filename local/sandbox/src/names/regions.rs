//! The names of Azure's public regions (`data/regions.json`), and how two spellings of one are compared.

use std::sync::LazyLock;

/// Microsoft Learn, "List of Azure regions", programmatic names of the public cloud.
pub(crate) static REGIONS: LazyLock<Vec<String>> = LazyLock::new(|| {
    serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/regions.json")))
        .expect("the regions are compiled in, and the tests of this module read them")
});

/// The programmatic form: `West Europe` and `westeurope` are one region.
pub(crate) fn normalised(region: &str) -> String {
    region.chars().filter(|letter| !letter.is_whitespace()).collect::<String>().to_ascii_lowercase()
}

/// Whether both spellings name one region.
pub(crate) fn same(left: &str, right: &str) -> bool {
    normalised(left) == normalised(right)
}

/// Whether this is the name of one of the regions, in any of its spellings.
pub(crate) fn is_region(name: &str) -> bool {
    REGIONS.contains(&normalised(name))
}
