//! Latchkey's function app.

pub mod package;
