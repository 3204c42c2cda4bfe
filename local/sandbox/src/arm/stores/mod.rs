//! Microsoft.Compute: what stores data under a key. Disks and snapshots have most of their fields in common, and are
//! written, read and deleted alike.
//!
//! Shapes and quirks: Azure REST API, `Disks` and `Snapshots`, and recordings in Microsoft's public test suites.

mod body;
mod calls;
mod disk;
mod encryption;
mod missing;
mod new;
mod snapshot;
mod store;
