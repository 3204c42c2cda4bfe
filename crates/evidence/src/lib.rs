//! The evidence pack: the life of one customer's key, for somebody who trusts neither the vendor nor us.
//!
//! - [`Draft`] becomes a [`Sealed`] pack, which somebody signs; the signature makes the file;
//! - [`verify`] says whether a file is what was signed, and if not, what is wrong with it;
//! - [`render`] shows the same facts to people.
//!
//! No network, no store, no clock, and nothing of what an onboarding is: the words in a pack were written by whoever made
//! it. `docs/evidence.md` describes the format for others who read it; a judge in `tests/judges/evidence` was written
//! from that page alone.

mod canonical;
mod chain;
mod fault;
mod key;
mod pack;
mod render;
mod seal;
mod signature;
mod verify;

pub use fault::{Fault, Faults};
pub use key::{KeyError, PublicKey};
pub use pack::{Anchor, Customer, Disk, Draft, Entry, Evidence, FORMAT, Key, Present, Stretch, Told};
pub use render::render;
pub use seal::{SealError, Sealed};
pub use verify::{Signer, Verified, verify};
