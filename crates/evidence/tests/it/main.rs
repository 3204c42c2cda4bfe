//! The pack as somebody meets it who has nothing but the file.

#![expect(clippy::unwrap_used, reason = "a test that meets an error it does not expect has failed")]

mod attacks;
mod golden;
mod rendering;
mod support;
