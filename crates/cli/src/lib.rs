//! `latchkey`, the operator's tool, as a library: its commands, and what runs them.
//!
//! It holds no simulator and may not depend on one. The executable of the local world offers the same commands.

pub mod azure;
mod change;
mod command;
pub mod dead_letters;
pub mod disks;
pub mod doctor;
pub mod drill;
mod end;
pub mod evidence;
mod function_app;
mod interrupts;
pub mod onboardings;
mod output;
pub mod package;
mod private_file;
pub mod setup;

pub use command::{Command, run};
pub use end::End;
pub use interrupts::Interrupts;
pub use private_file::write_private;
