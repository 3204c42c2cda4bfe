//! `latchkey evidence`: reads an evidence pack, without asking anybody.

mod shown;

use std::{fs, io::Write as _, path::PathBuf};

use ::evidence::{PublicKey, Verified, render, verify};
use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};

use crate::{
    End,
    output::{print, print_json},
};

/// What a command ends with.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  the pack holds together; with --key, and that key signed it
  1  something failed; stderr says what, and what to do
  2  the command line is wrong
  3  the pack does not hold together, or another key signed it";

/// The pack does not hold together.
const DOES_NOT_HOLD: u8 = 3;

/// What to do with a pack.
#[derive(Debug, Subcommand)]
pub enum EvidenceCommand {
    /// Verify an evidence pack: was anything changed, removed or added since it was signed?
    ///
    /// Needs nothing but the file. It says what was checked, and what no check of the file can show.
    /// Without --key it cannot tell whose key signed the pack.
    ///
    ///   latchkey evidence verify pack.json --key vendor.pem
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Verify(VerifyArgs),

    /// Render an evidence pack as a web page for people, on stdout
    ///
    /// Verifies the pack first, and shows nothing of one that does not hold together.
    ///
    ///   latchkey evidence render pack.json --key vendor.pem > pack.html
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Render(PackArgs),
}

/// Which pack, and whose key.
#[derive(Debug, Args)]
pub struct PackArgs {
    /// The pack
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The vendor's public key, in PEM or as a JSON Web Key
    ///
    /// Get it from the vendor by another way than the pack, such as a contract. The vendor
    /// reads it with "az keyvault key download --encoding PEM".
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    key: Option<PathBuf>,
}

/// What `evidence verify` takes.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    pack: PackArgs,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs a command.
///
/// # Errors
/// When a file cannot be read, or the key is none.
pub fn run(command: &EvidenceCommand) -> anyhow::Result<End> {
    match command {
        EvidenceCommand::Verify(VerifyArgs { pack, json }) => {
            let found = read(pack)?;
            if *json {
                print_json(&shown::json(&found))?;
            } else {
                print(&shown::words(&found));
            }
            Ok(if found.is_ok() { End::Well } else { End::Status(DOES_NOT_HOLD) })
        }
        EvidenceCommand::Render(pack) => match read(pack)? {
            Ok(verified) => {
                let mut out = std::io::stdout().lock();
                out.write_all(render(&verified).as_bytes()).context("writing the page")?;
                Ok(End::Well)
            }
            Err(faults) => {
                eprintln!("latchkey: {}", shown::words(&Err(faults)));
                Ok(End::Status(DOES_NOT_HOLD))
            }
        },
    }
}

/// What a check of a pack came to.
type Found = Result<Verified, ::evidence::Faults>;

fn read(PackArgs { file, key }: &PackArgs) -> anyhow::Result<Found> {
    let pack = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let key = key.as_ref().map(|key| {
        let text = fs::read_to_string(key).with_context(|| format!("reading {}", key.display()))?;
        PublicKey::from_text(&text).map_err(|error| anyhow!("{}: {error}", key.display()))
    });
    Ok(verify(&pack, key.transpose()?.as_ref()))
}
