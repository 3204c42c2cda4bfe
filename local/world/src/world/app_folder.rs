//! Lays out the folder that a Functions host runs an app from: `host.json`, and `function.json` in one folder a function.

use std::fs;
use std::io;
use std::path::Path;

use latchkey_functions::package::{HOST_JSON, function_json};
use latchkey_functions::table;

/// Writes the function app's files under `root`, which is made if it is missing.
///
/// A folder of a function that the app no longer has is removed, because the host would otherwise serve it.
///
/// # Errors
///
/// A file or folder cannot be written.
pub fn lay_out(root: &Path) -> io::Result<()> {
    fs::create_dir_all(root)?;
    remove_former_functions(root)?;
    fs::write(root.join("host.json"), HOST_JSON)?;
    for function in table() {
        let folder = root.join(function.name);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("function.json"), function_json(function))?;
    }
    Ok(())
}

fn remove_former_functions(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let declaration = entry.path().join("function.json");
        let known = table().iter().any(|function| entry.file_name() == function.name);
        if !known && declaration.is_file() {
            fs::remove_file(declaration)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_its_folder_beside_host_json() {
        let root = tempfile::tempdir().unwrap();
        lay_out(root.path()).unwrap();
        assert_eq!(fs::read_to_string(root.path().join("host.json")).unwrap(), HOST_JSON);
        for function in table() {
            let declaration = root.path().join(function.name).join("function.json");
            assert_eq!(
                fs::read_to_string(declaration).unwrap(),
                function_json(function),
                "{}",
                function.name
            );
        }
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), table().len() + 1);
    }

    #[test]
    fn a_second_layout_replaces_the_first_and_drops_former_functions() {
        let root = tempfile::tempdir().unwrap();
        lay_out(root.path()).unwrap();
        fs::write(root.path().join("host.json"), "old").unwrap();
        let former = root.path().join("long_gone");
        fs::create_dir(&former).unwrap();
        fs::write(former.join("function.json"), "{}").unwrap();
        lay_out(root.path()).unwrap();
        assert_eq!(fs::read_to_string(root.path().join("host.json")).unwrap(), HOST_JSON);
        assert!(!former.join("function.json").exists());
    }
}
