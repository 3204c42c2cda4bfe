//! What a vault does beyond the plain calls on keys: rotation by policy, keys from elsewhere, signatures, pages.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too, which clippy cannot see")]

#[path = "../cloud/mod.rs"]
mod cloud;

mod deleted;
mod elliptic;
mod hsm;
mod import;
mod openssl;
mod pages;
mod rotation;
mod secrets;
