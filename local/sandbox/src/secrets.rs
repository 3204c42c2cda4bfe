//! Secrets that nobody can guess, and what is kept of them.

use aws_lc_rs::digest::SHA256;
use aws_lc_rs::error::Unspecified;

/// A secret nobody can guess: 256 random bits in hexadecimal digits.
pub(crate) fn new_secret() -> Result<String, Unspecified> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// How a secret is remembered: the SHA-256 of its text in hexadecimal digits.
pub(crate) fn digest(secret: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&SHA256, secret.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
