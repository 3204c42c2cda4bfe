//! `latchkey`, the operator's tool, as a library: its commands, and what runs them.
//!
//! It holds no simulator and may not depend on one. The executable of the local world offers the same commands.

mod command;
pub mod dead_letters;
mod interrupts;
mod private_file;

pub use command::{Command, End, run};
pub use interrupts::Interrupts;
pub use private_file::write_private;
