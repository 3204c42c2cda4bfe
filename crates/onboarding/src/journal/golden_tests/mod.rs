//! Golden files: everything that format 1 can hold, as it writes it (`tests/golden/v1`). They are what other versions of
//! the app have written, so they are never written anew: a change that they do not fit is another format.

mod announced;
mod entries;
mod events;
mod facts;
mod findings;
mod states;

use std::{collections::BTreeSet, path::PathBuf};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Writes the files that are missing, and only those.
const WRITE_MISSING: &str = "LATCHKEY_WRITE_MISSING_GOLDEN_FILES";

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1").join(name)
}

/// One sample: the name of its file, and what we write today.
type Sample = (String, String);

fn sample<T: Serialize>(name: impl Into<String>, value: &T) -> Sample {
    (name.into(), serde_json::to_string_pretty(value).unwrap())
}

/// Reads a file, and writes again what was read.
fn written_again<T: Serialize + DeserializeOwned>(text: &str) -> String {
    serde_json::to_string_pretty(&serde_json::from_str::<T>(text).unwrap()).unwrap()
}

/// Every sample has its file, every file its sample; and each file is what is written of it, today and when it is read.
fn assert_golden(name: &str, samples: &[Sample], written_again: impl Fn(&str) -> String) {
    let folder = folder(name);
    for (case, today) in samples {
        let path = folder.join(format!("{case}.json"));
        if !path.exists() && std::env::var_os(WRITE_MISSING).is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, format!("{today}\n")).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_else(|_| {
            panic!("there is no {}; set {WRITE_MISSING}=1 to have it written", path.display())
        });
        assert_eq!(golden.trim_end(), *today, "{case}: this is another format than the stored one");
        assert_eq!(golden.trim_end(), written_again(&golden), "{case}: something of it is lost");
    }
    let names: BTreeSet<String> = samples.iter().map(|(case, _)| format!("{case}.json")).collect();
    let files =
        std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(files.collect::<BTreeSet<_>>(), names, "a file that nothing writes or reads, or one twice");
}

/// The variants that the stored type itself names, when it is given one that it does not know.
fn variants_of<T: DeserializeOwned>(unknown: Value) -> BTreeSet<String> {
    let error = serde_json::from_value::<T>(unknown).err().map(|error| error.to_string()).unwrap();
    let (_, expected) = error.split_once("expected ").unwrap_or_else(|| panic!("{error}"));
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every variant has a sample: `name`, or `name.case` when it has several.
fn assert_complete(variants: &BTreeSet<String>, samples: &[Sample]) {
    assert!(!variants.is_empty());
    let names = samples.iter().map(|(case, _)| case.split('.').next().unwrap().to_owned());
    assert_eq!(names.collect::<BTreeSet<_>>(), *variants);
}
