//! Where each behaviour of this simulation comes from, and the test that shows it.
//!
//! Nobody should have to take the sandbox's word for what Azure does. One row of `data/evidence.json` is one behaviour, with
//! the strongest evidence known for it. What is only our guess says so there and beside the code that does it; a test
//! holds the two together.

mod page;
mod table;
#[cfg(test)]
mod tests;

pub use page::{markdown, text};
pub use table::{Behaviour, Evidence, behaviours};
